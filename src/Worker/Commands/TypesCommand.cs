using System.Collections.Immutable;
using System.CommandLine;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Lists the destination types, or describes one.</summary>
internal static class TypesCommand
{
    public static Command Create(CommandContext context)
    {
        var name = new Argument<string?>("TYPE") { Description = "A type's name or alias.", Arity = ArgumentArity.ZeroOrOne };
        name.CompletionSources.Add([.. DestinationCatalogue.BuiltIn.Types.Select(type => type.Name)]);
        var json = CommandContext.JsonOption();
        json.Description = "Write JSON: the list for an admin UI, or with TYPE the JSON Schema of its settings.";
        var command = new Command("types", "List the destination types, or show one type's settings.") { name, json };
        command.SetAction(async (parsed, _) =>
        {
            var wanted = parsed.GetValue(name);
            if (wanted is null)
            {
                if (parsed.GetValue(json)) await WriteListAsync(context);
                else await WriteTableAsync(context);
                return ExitCodes.Done;
            }
            if (!DestinationCatalogue.BuiltIn.TryGet(wanted, out var type))
                throw new UsageException($"This build does not know the type '{wanted}'. `types` lists what it knows.");
            if (parsed.GetValue(json)) await context.WriteJsonAsync(json => { SettingsSchema.WriteTo(json.Writer, type); return Task.CompletedTask; });
            else await WriteTypeAsync(context, type);
            return ExitCodes.Done;
        });
        return command;
    }

    private static Task WriteTableAsync(CommandContext context) => context.WriteTableAsync(
        ["Type", "Title", "Default category", "Required settings", "Aliases"],
        DestinationCatalogue.BuiltIn.Types.Select(type => (string[])
        [
            type.Name, type.Title,
            string.Join(" or ", type.CategoryRules.Select(rule => rule.Category).Prepend(type.DefaultCategory).Distinct().Select(category => category.Name())),
            string.Join(", ", type.Fields.Where(field => field.Required).Select(field => field.Name)),
            string.Join(", ", type.Aliases),
        ]));

    private static async Task WriteTypeAsync(CommandContext context, DestinationType type)
    {
        await context.WriteLineAsync($"{type.Title} ({string.Join(", ", type.Aliases.Prepend(type.Name))})");
        await context.WriteLineAsync($"Default category: {type.DefaultCategoryInWords}. {type.Homepage}");
        await WriteIdentityAsync(context, type);
        await context.WriteTableAsync(["Setting", "Value", "Meaning"], type.AllFields.Select(field => (string[])
        [
            string.Join(", ", field.Names),
            $"{field.Kind}, {(field.Required ? "required, " : "")}{(field.Visibility == SettingVisibility.Private ? "private" : "public")}",
            field.DefaultJson is { } standard ? $"{field.Description} Default: {standard}" : field.Description,
        ]));
        await context.WriteLineAsync($"The least it needs: {type.Examples.Least}");
        await context.WriteLineAsync("Content-Security-Policy, for the default hosts (a snapshot's metadata has its own):");
        foreach (var directive in Policy(type))
            await context.WriteLineAsync($"  {directive.Key.Name()} {string.Join(' ', directive.Select(source => source.Value))}");
        if (!type.Hosts.Sources.IsEmpty) await context.WriteLineAsync($"Hosts from {type.Hosts.Basis.InWords()}. {type.Hosts.Documentation ?? type.Homepage}");
        await context.WriteLineAsync($"A visitor who withdraws consent after the library has run: the vendor {type.AfterWithdrawal.InWords()}.");
        await WriteStoredNamesAsync(context, type);
        foreach (var (part, grants) in Grants(type))
            await context.WriteLineAsync($"Script '{part}:{{NAME}}' stands for a grant: {string.Join(", ", grants.Select(grant => grant.Name == grant.Category.Name() ? grant.Name : $"{grant.Name} ({grant.Category.Name()})"))}.");
        if (type.Hosts.Withheld is { } withheld) await context.WriteLineAsync($"The vendor also asks for this, which no snapshot does: {withheld}.");
    }

    /// <summary>Who the vendor is, and what a site uses it for.</summary>
    private static async Task WriteIdentityAsync(CommandContext context, DestinationType type)
    {
        if (type.Identity is not { } identity) return;
        await context.WriteLineAsync(identity.Purpose);
        await context.WriteLineAsync(identity.LegalName is { } company
            ? $"Vendor '{type.Vendor}': {company}{(identity.Elsewhere is { } elsewhere ? $" ({elsewhere})" : "")}. {identity.Source}"
            : $"Vendor '{type.Vendor}': no page that was found names the company. {identity.Source}");
        await context.WriteLineAsync($"Privacy policy: {identity.PrivacyPolicy}");
    }

    /// <summary>What the vendor leaves in the browser: in a store's line what a page erases, below it what is kept, and why.</summary>
    private static async Task WriteStoredNamesAsync(CommandContext context, DestinationType type)
    {
        if (type.StoredNames.IsEmpty)
        {
            await context.WriteLineAsync(type.LeavesNothing is { } page
                ? $"The vendor says that it leaves nothing in the browser. {page}"
                : $"What it leaves in the browser is not declared, so no page erases it{(type.NotDeclaredBecause is { } unknown ? $": {unknown}" : "")}.");
            return;
        }
        await context.WriteLineAsync("Left in the browser, erased after a refusal ({…}: a setting; *: any ending):");
        foreach (var name in type.StoredNames.Where(name => name.KeptBecause is null))
            await context.WriteLineAsync($"  {name.Store.Name()} {name.Name}, {name.LifetimeInWords}{(name.Grant is { } grant ? $" (with {grant})" : "")}");
        foreach (var reason in type.StoredNames.Where(name => name.KeptBecause is not null).GroupBy(name => name.KeptBecause))
        {
            await context.WriteLineAsync($"Never erased, because {reason.Key}:");
            foreach (var name in reason) await context.WriteLineAsync($"  {name.Store.Name()} {name.Name}, {name.LifetimeInWords}");
        }
        if (type.NotDeclaredBecause is { } missing) await context.WriteLineAsync($"Not all is declared: {missing}.");
        await context.WriteLineAsync("Sources of the names and of how long they stay:");
        foreach (var source in type.StoredNames.SelectMany(name => (string[])[name.Source.AbsoluteUri, name.LifetimeSource ?? name.Source.AbsoluteUri]).Distinct()) await context.WriteLineAsync($"  {source}");
    }

    /// <summary>The scripts that stand for grants: the type's own, and those of the part that it shares with others.</summary>
    private static IEnumerable<(string Part, ImmutableArray<GrantDeclaration> Grants)> Grants(DestinationType type)
    {
        if (!type.Grants.IsEmpty) yield return (type.Name, type.Grants);
        if (type.Bootstrap is { Grants.IsEmpty: false } shared) yield return (shared.Id, shared.Grants);
    }

    private static IEnumerable<IGrouping<CspDirective, CspSource>> Policy(DestinationType type) => type.Hosts.Sources
        .Concat(type.InlineScripts.Select(script => CspSource.Hash(script.CspHash)))
        .Distinct().Order().GroupBy(source => source.Directive);

    private static Task WriteListAsync(CommandContext context) => context.WriteJsonAsync(json =>
    {
        var writer = json.Writer;
        writer.WriteStartArray();
        foreach (var type in DestinationCatalogue.BuiltIn.Types)
        {
            writer.WriteStartObject();
            writer.WriteString("type", type.Name);
            writer.WriteString("title", type.Title);
            writer.WriteString("category", type.DefaultCategory.Name());
            writer.WriteString("categoryInWords", type.DefaultCategoryInWords);
            writer.WriteString("homepage", type.Homepage.AbsoluteUri);
            writer.WriteStartArray("aliases");
            foreach (var alias in type.Aliases) writer.WriteStringValue(alias);
            writer.WriteEndArray();
            writer.WriteStartArray("settings");
            foreach (var field in type.AllFields)
            {
                writer.WriteStartObject();
                writer.WriteString("name", field.Name);
                writer.WriteStartArray("otherNames");
                foreach (var other in field.OtherNames) writer.WriteStringValue(other);
                writer.WriteEndArray();
                writer.WriteString("kind", field.Kind.ToString());
                writer.WriteBoolean("required", field.Required);
                writer.WriteBoolean("public", field.Visibility == SettingVisibility.Public);
                writer.WriteString("description", field.Description);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteStartObject("csp");
            foreach (var directive in Policy(type))
            {
                writer.WriteStartArray(directive.Key.Name());
                foreach (var source in directive) writer.WriteStringValue(source.Value);
                writer.WriteEndArray();
            }
            writer.WriteEndObject();
            writer.WriteString("vendor", type.Vendor);
            writer.WriteString("legalName", type.Identity?.LegalName);
            writer.WriteString("privacyPolicyUrl", type.Identity?.PrivacyPolicy);
            writer.WriteString("purpose", type.Identity?.Purpose);
            writer.WriteString("identitySource", type.Identity?.Source);
            writer.WriteString("leavesNothing", type.LeavesNothing?.AbsoluteUri);
            writer.WriteString("notDeclaredBecause", type.NotDeclaredBecause);
            writer.WriteStartArray("storedNames");
            foreach (var name in type.StoredNames)
            {
                writer.WriteStartObject();
                writer.WriteString("store", name.Store.Name());
                writer.WriteString("name", name.Name);
                writer.WriteString("lifetime", name.Lifetime);
                writer.WriteString("grant", name.Grant);
                writer.WriteString("keptBecause", name.KeptBecause);
                writer.WriteString("source", name.Source.AbsoluteUri);
                writer.WriteString("lifetimeSource", name.Lifetime is null ? null : name.LifetimeSource ?? name.Source.AbsoluteUri);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteStartArray("grants");
            foreach (var (part, grants) in Grants(type))
                foreach (var grant in grants)
                {
                    writer.WriteStartObject();
                    writer.WriteString("script", $"{part}:{grant.Name}");
                    writer.WriteString("category", grant.Category.Name());
                    writer.WriteEndObject();
                }
            writer.WriteEndArray();
            writer.WriteString("npmPackage", type.Package?.ToString());
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        return Task.CompletedTask;
    });
}
