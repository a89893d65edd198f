using System.Globalization;
using System.Text.RegularExpressions;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Cdn;

/// <summary>An nginx with the very settings that docs/cdn.md tells an operator to use.</summary>
internal static partial class CdnSettings
{
    /// <summary>Starts nginx in front of a public container.</summary>
    /// <param name="container">The container's address.</param>
    /// <param name="change">What an operator changed in the settings.</param>
    public static async Task<Nginx> InFrontOfAsync(Uri container, CancellationToken cancellationToken, Func<string, string>? change = null)
    {
        var settings = await ReadAsync("consent-cdn.conf", cancellationToken);
        settings = Replace(settings, "https://ACCOUNT.blob.core.windows.net/consent-snapshots/", $"{container.ToString().TrimEnd('/')}/");
        settings = change?.Invoke(settings) ?? settings;
        return await Nginx.StartAsync((folder, port) => Replace(Listening(settings, port), "/var/cache/nginx/consent", $"{folder}/cache"), cancellationToken);
    }

    /// <summary>Starts nginx over the folder of a directory store.</summary>
    public static async Task<Nginx> OverAsync(string root, CancellationToken cancellationToken)
    {
        var settings = await ReadAsync("consent-files.conf", cancellationToken);
        return await Nginx.StartAsync((_, port) => Replace(Listening(settings, port), "/var/lib/consent-snapshots/public", Path.Combine(root, "public")), cancellationToken);
    }

    /// <summary>Puts what an operator has in the place of what the document has, which must be there.</summary>
    public static string Replace(string settings, string old, string replacement)
    {
        Assert.Contains(old, settings, StringComparison.Ordinal);
        return settings.Replace(old, replacement, StringComparison.Ordinal);
    }

    private static string Listening(string settings, int port) => Replace(settings, "listen 80;", string.Create(CultureInfo.InvariantCulture, $"listen 127.0.0.1:{port};"));

    private static async Task<string> ReadAsync(string name, CancellationToken cancellationToken)
    {
        var document = await File.ReadAllTextAsync(Path.Combine(RepositoryRoot.Path, "docs/cdn.md"), cancellationToken);
        return Assert.Single(Block().Matches(document), block => block.Groups["name"].Value == name).Groups["settings"].Value;
    }

    [GeneratedRegex("^```nginx\\n(?<settings># (?<name>[\\w.-]+)\\n(?:.|\\n)*?)^```$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Block();
}
