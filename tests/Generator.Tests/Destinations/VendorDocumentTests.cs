using System.Globalization;
using System.Text;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations;

/// <summary>docs/vendors.md says who each vendor is and what it leaves. It is written by this test with <c>UPDATE_GOLDEN=1</c>.</summary>
public sealed class VendorDocumentTests
{
    public static TheoryData<string> TypeNames => Samples.TypeNames;

    [Fact]
    public void Document_SaysWhatTheCatalogueSays() => Golden.CheckFile(RepositoryFiles.At("docs", "vendors.md"), Render(DestinationCatalogue.BuiltIn));

    /// <summary>Whoever asks visitors for consent has to tell them who it is for, what for, and what is left with them.</summary>
    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Type_WithAVendor_SaysWhoItIsAndWhatItLeaves(string name)
    {
        Assert.True(DestinationCatalogue.BuiltIn.TryGet(name, out var type));
        if (type.Vendor is null)
        {
            Assert.Null(type.Identity);
            Assert.Empty(type.StoredNames);
            return;
        }
        Assert.True(type.Identity is not null, $"{type.GetType().Name} must say who its vendor is: override Identity.");
        AssertIsPage(type.Identity.PrivacyPolicy);
        AssertIsPage(type.Identity.Source);
        Assert.False(type.Identity.LegalName is { } company && company.Trim() is not { Length: > 2 });
        Assert.Matches("^[A-Z].*[^.]\\.$", type.Identity.Purpose);
        Assert.True(
            !type.StoredNames.IsEmpty || type.LeavesNothing is not null || type.NotDeclaredBecause is not null,
            $"{type.GetType().Name} must declare what its library leaves in the browser (StoredNames), where the vendor says that it leaves nothing (LeavesNothing), or why neither is known (NotDeclaredBecause).");
        Assert.False(type.LeavesNothing is not null && !type.StoredNames.IsEmpty, "It leaves something, or it does not.");
        if (type.LeavesNothing is { } page) AssertIsPage(page.OriginalString);
        Assert.False(type.NotDeclaredBecause?.EndsWith('.') ?? false);
        foreach (var stored in type.StoredNames)
        {
            Assert.True(stored.LifetimeSource is null || stored.Lifetime is not null, $"Whose is the source of the lifetime of {stored.Name}?");
            if (stored.LifetimeSource is { } source) AssertIsPage(source);
            if (stored.Lifetime is { } lifetime) Assert.Matches("^([1-9][0-9]* (second|minute|hour|day|week|month|year)s?|session|removed at once)$", lifetime);
        }
    }

    /// <summary>c15t 3 takes slugs of these characters and this length alone (<see href="https://c15t.com/docs/shared/scripts/vendor-consent"/>).</summary>
    [Fact]
    public void Vendors_EachTypes_IsASlugThatClientsTake()
    {
        foreach (var type in DestinationCatalogue.BuiltIn.Types)
            if (type.Vendor is { } vendor) Assert.Matches("^[a-z0-9._-]{1,64}$", vendor);
    }

    private static void AssertIsPage(string url)
    {
        Assert.True(Uri.TryCreate(url, UriKind.Absolute, out var page), url);
        Assert.Equal("https", page.Scheme);
        Assert.DoesNotContain(' ', url);
    }

    private static string Render(DestinationCatalogue catalogue)
    {
        var page = new StringBuilder(
            """
            # The vendors

            Made from the catalogue by a test; do not edit it. For whoever answers for privacy: who is behind each destination type, what a site uses it for, and what its library leaves in the
            browsers of visitors. [destinations.md](destinations.md) has the settings and hosts of each type, and `consent-snapshots types TYPE` shows one.

            **Category** is the consent that a destination needs if its row names none. A row may name others.

            **Company** is the legal name as the linked source has it: the company's own policy, terms, licence or package; for a few, whose pages could not be read, the list of vendors that
            c15t publishes. Companies change: read the policy before you publish yours. This page is no legal advice.

            **What it leaves** are the cookies and storage keys on the site's own domain that the library writes, as far as the vendor documents them or its library's source has them; each is linked to
            its source. An asterisk means every name that begins so, and a part in braces is from the destination's settings. How long a cookie stays is the vendor's default, which settings can
            change and a browser may shorten. After a refusal or a withdrawal a page erases these names (`erase` in the list), except those that record the visitor's own answer. What a vendor
            keeps on a domain of its own is not here: no page of yours can see or erase it, and the vendor's policy speaks of it.

            | Vendor | Company | What for | Category |
            | --- | --- | --- | --- |

            """);
        var vendors = catalogue.Types.Where(type => type.Identity is not null).ToList();
        foreach (var type in vendors)
            page.Append(CultureInfo.InvariantCulture, $"| [{Escaped(type.Title)}](#{Anchor(type.Title)}) | {Company(type.Identity!)} | {Escaped(type.Identity!.Purpose)} | {Escaped(type.DefaultCategoryInWords)} |\n");
        foreach (var type in vendors) Append(page, type, type.Identity!);
        return page.ToString();
    }

    private static void Append(StringBuilder page, DestinationType type, VendorIdentity identity)
    {
        page.Append(CultureInfo.InvariantCulture, $"\n## {type.Title}\n\n{identity.Purpose} {Company(identity)}, [privacy policy]({identity.PrivacyPolicy}). In lists it is `{type.Vendor}`.\n");
        if (type.LeavesNothing is { } says) page.Append(CultureInfo.InvariantCulture, $"\nIt leaves nothing, [as the vendor says]({says.AbsoluteUri}).\n");
        if (type.NotDeclaredBecause is { } reason)
            page.Append(CultureInfo.InvariantCulture, $"\n{(type.StoredNames.IsEmpty ? "What it leaves is not known here" : "Not all that it leaves is known here")}: {Escaped(reason)}.\n");
        if (type.StoredNames.IsEmpty) return;
        page.Append("\n| Name | Kept in | How long |\n| --- | --- | --- |\n");
        foreach (var name in type.StoredNames.OrderBy(name => name.KeptBecause is not null).ThenBy(name => name.Store))
            page.Append(CultureInfo.InvariantCulture, $"| [`{name.Name}`]({name.Source.AbsoluteUri}) | {name.Store.Name()} | {Lifetime(name)}{(name.KeptBecause is { } kept ? $"; not erased, because {Escaped(kept)}" : "")} |\n");
    }

    private static string Company(VendorIdentity identity)
    {
        var company = identity.LegalName is { } name ? $"[{Escaped(name)}]({identity.Source})" : $"[Company not named]({identity.Source})";
        return identity.Elsewhere is { } elsewhere ? $"{company} ({Escaped(elsewhere)})" : company;
    }

    private static string Lifetime(StoredName name) => name.LifetimeSource is { } source ? $"[{name.LifetimeInWords}]({source})" : name.LifetimeInWords;

    // As GitHub makes it of a heading, for the titles that vendors have.
    private static string Anchor(string title) => title.ToLowerInvariant().Replace(' ', '-').Replace(".", "", StringComparison.Ordinal);

    private static string Escaped(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
