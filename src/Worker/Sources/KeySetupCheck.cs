using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Diagnostics;

namespace ConsentSnapshots.Worker.Sources;

/// <summary>Looks at the source as a whole, and whether the configured keys open its encrypted settings.</summary>
/// <param name="source">The source.</param>
/// <param name="keys">The keys.</param>
internal sealed class KeySetupCheck(IDestinationSource source, Func<SettingsKeyRing> keys) : ISetupCheck
{
    // Enough to see a wrong key, and few enough for a large source. A key that only some rows lack shows in `status` as held.
    private const int MostOrganizations = 200;

    private const int MostNamed = 3;

    /// <inheritdoc/>
    public string Area => "Source and keys";

    /// <inheritdoc/>
    public async Task CheckAsync(Findings findings, CancellationToken cancellationToken)
    {
        try
        {
            var known = await source.CheckAsync(cancellationToken);
            foreach (var refused in known.Refused.Take(MostNamed)) findings.Warn($"Not published: {refused}");
            if (known.Refused.Count > MostNamed) findings.Warn($"… and {known.Refused.Count - MostNamed} more that cannot be published; `status` lists them.");
            await CheckKeysAsync(findings, cancellationToken);
        }
        catch (SourceUnavailableException exception) when (findings.IsExplained)
        {
            findings.Skip($"The source cannot be read: {exception.Message}");
        }
        catch (SourceUnavailableException exception)
        {
            findings.Fail(exception.Message, "With a file, correct it: what was read before stays in force meanwhile. With Postgres, look at the server's log.");
        }
    }

    private async Task CheckKeysAsync(Findings findings, CancellationToken ct)
    {
        var organizations = await source.ListOrganizationsAsync(ct);
        var ring = keys();
        var rows = new Dictionary<Guid, (Scope Scope, Destination Row)>();
        var unread = 0;
        await foreach (var read in source.ReadAsync([.. organizations.Take(MostOrganizations).SelectMany(Scope.Of)], ReadPurpose.Look, ct))
        {
            if (read is not ScopeRead.Found found)
            {
                unread++;
                continue;
            }
            foreach (var row in found.Rows.Rows.Where(row => row is { Enabled: true, Deleted: false })) rows.TryAdd(row.Id, (read.Scope, row));
        }
        var of = organizations.Count > MostOrganizations ? string.Create(CultureInfo.InvariantCulture, $" of the first {MostOrganizations} of {organizations.Count} organizations") : "";
        findings.Ok(string.Create(CultureInfo.InvariantCulture, $"{source.Description}: {organizations.Count} organizations, {rows.Count} destinations that are switched on{of}."));
        if (unread > 0) findings.Warn(string.Create(CultureInfo.InvariantCulture, $"{unread} scopes cannot be read."), "`status` says which, and why.");

        var sealedRows = rows.Values.Where(entry => SettingsKeyRing.IsSealed(entry.Row)).ToList();
        var shut = sealedRows.Where(entry => ring.Open(entry.Row).Problem is { Kind: DestinationProblemKind.NoKey }).ToList();
        if (sealedRows.Count == 0) findings.Ok("No settings are encrypted.");
        else if (shut.Count == 0) findings.Ok(string.Create(CultureInfo.InvariantCulture, $"The configured keys open all {sealedRows.Count} encrypted settings."));
        else
        {
            var named = string.Join(", ", shut.Take(MostNamed).Select(entry => $"{entry.Row.Type} {entry.Row.Id} of {entry.Scope}"));
            findings.Fail(
                string.Create(CultureInfo.InvariantCulture, $"No configured key opens {(shut.Count == sealedRows.Count ? "any of" : $"{shut.Count} of")} the {sealedRows.Count} encrypted settings: {named}{(shut.Count > MostNamed ? ", …" : "")}."),
                ring.HasKeys
                    ? "Set Encryption__Keys__0 to the control plane's key, and Encryption__Keys__1 … to the keys before it: 64 hexadecimal digits each."
                    : "Set Encryption__Keys__0 to the control plane's key: 64 hexadecimal digits.");
        }
    }
}
