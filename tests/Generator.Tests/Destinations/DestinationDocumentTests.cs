using System.Text;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations;

/// <summary>docs/destinations.md says what the catalogue says. It is written by this test with <c>UPDATE_GOLDEN=1</c>.</summary>
public sealed class DestinationDocumentTests
{
    public static TheoryData<string> TypeNames => Samples.TypeNames;

    [Fact]
    public void Document_SaysWhatTheCatalogueSays() => Golden.CheckFile(RepositoryFiles.At("docs", "destinations.md"), Render(DestinationCatalogue.BuiltIn));

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Type_ComparisonWithThePackage_IsStated(string name)
    {
        Assert.True(DestinationCatalogue.BuiltIn.TryGet(name, out var type));
        Assert.True(type.Package is not null, $"{type.GetType().Name} must say how it compares with the npm package: override Package.");
        Assert.False(type.Package.Reason?.EndsWith('.') ?? false);
    }

    private static string Render(DestinationCatalogue catalogue)
    {
        var page = new StringBuilder(
            """
            # Destination types

            Made from the catalogue by a test; do not edit it. `consent-snapshots types TYPE` shows one type with every default, and `types TYPE --json` is the
            JSON Schema of its settings.

            Settings: the required ones are bold and come first; `=` shows another name that is read too (with a dot: a property of an object setting); *private* ones are kept on the server and never
            reach a script. Every type also has `enableClientSide`; `false` leaves the destination to the server. A setting that is not listed has no effect and stays behind; `status` and `preview` name it.

            Hosts: what a Content-Security-Policy must permit with the default settings, as far as the vendor documents it; a host in a setting takes the place
            of the vendor's or comes on top. Below them stands where they are from; what the vendor asks for besides hosts (*not granted*) is never in a snapshot's
            policy, because it weakens the whole page: add it yourself where you want it. A snapshot's metadata (`csp`) has the exact policy of that snapshot, with the hashes of its inline scripts.

            After withdrawal: what the vendor's library does that has run when the visitor withdraws consent. Where it
            goes on, only leaving the page ends it, so a page should be reloaded then.

            Leaves in the browser: the names that a list tells a page to erase after a refusal or withdrawal (`erase`), as far as the vendor documents them or its library's source has them.
            [vendors.md](vendors.md) says how long they stay, where nothing is left or known, and who each vendor is. An asterisk means every name that begins so; a part in braces is from the settings. *Kept* names are not erased; `types TYPE` says why. What a vendor keeps on
            its own domain no page can erase.

            The last column compares, in a browser, with the npm package `@c15t/scripts` for the same settings and consent. Three things hold for every type and are not
            repeated: a vendor's library that has run stays on the page when consent is withdrawn, and is not loaded a second time when it is granted again;
            a second destination of a type works beside the first where the vendor has room for two on a page; where not, the settings of the first to run hold, and
            of those that need the same consent only the first one's library is loaded; and, where the type has a script of its own beside the library, a change of consent
            replaces what waits for the library, so after a withdrawal that comes before the library has arrived, the library does not run and nothing that was queued with consent is sent.

            Test mode (`test_mode`, `testMode` in a file) turns on the vendor's debug mode where the column says so; the other vendors have none that a page can turn on.

            | Type | Vendor | Default category | Aliases | Settings | Hosts | Test mode | After withdrawal | Leaves in the browser | Against the npm package |
            | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |

            """);
        foreach (var type in catalogue.Types)
        {
            string[] cells =
            [
                $"`{type.Name}`", $"[{Escaped(type.Title)}]({type.Homepage.AbsoluteUri})", Escaped(type.DefaultCategoryInWords),
                string.Join(", ", type.Aliases.Select(alias => $"`{alias}`")),
                string.Join("<br>", type.Fields.OrderBy(field => field.Required ? 0 : field.Visibility == SettingVisibility.Public ? 1 : 2).Select(Setting)),
                string.Join("<br>", type.Hosts.Sources.GroupBy(source => source.Directive)
                    .Select(directive => $"{directive.Key.Name()} {string.Join(' ', directive.Select(source => $"`{source.Value}`"))}").Concat(Source(type))),
                Samples.HasDebugMode(type) ? "debug mode" : "",
                type.AfterWithdrawal.InWords(),
                string.Join("<br>", type.StoredNames.GroupBy(name => (name.Store, IsKept: name.KeptBecause is not null)).OrderBy(group => group.Key)
                    .Select(group => $"{(group.Key.IsKept ? "*kept:* " : "")}{group.Key.Store.Name()} {string.Join(' ', group.Select(name => $"[`{name.Name}`]({name.Source.AbsoluteUri})"))}")),
                Escaped(type.Package?.ToString() ?? "not stated"),
            ];
            page.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
        }
        return page.ToString();
    }

    private static IEnumerable<string> Source(DestinationType type)
    {
        if (type.Hosts.Sources.IsEmpty) yield break;
        yield return type.Hosts.Documentation is { } page ? $"from [{type.Hosts.Basis.InWords()}]({page.AbsoluteUri})" : $"from {type.Hosts.Basis.InWords()}";
        if (type.Hosts.Withheld is { } withheld) yield return $"*not granted:* {Escaped(withheld)}";
    }

    private static string Setting(SettingField field)
    {
        var names = string.Join(" = ", field.Names.Select(name => $"`{name}`"));
        return field.Required ? $"**{names}**" : field.Visibility == SettingVisibility.Private ? $"*{names} private*" : names;
    }

    private static string Escaped(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
