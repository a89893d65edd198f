namespace ConsentSnapshots.Storage;

/// <summary>The URL of a listener for operators: <c>http</c>, a host or one of Kestrel's wildcards for every address, and a port.</summary>
public static class ListenUrl
{
    /// <summary>Whether a text is one.</summary>
    public static bool IsValid(string text) =>
        Uri.TryCreate(ForUri(text), UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp && url.Host.Length > 0 && url is { PathAndQuery: "/", Fragment: "", UserInfo: "" };

    /// <summary>The URL, with an address in the place of a wildcard.</summary>
    public static Uri Parse(string text) => new(ForUri(text), UriKind.Absolute);

    /// <summary>Kestrel's wildcards for every address are no host of a URI.</summary>
    private static string ForUri(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Trim().Replace("://*:", "://0.0.0.0:", StringComparison.Ordinal).Replace("://+:", "://0.0.0.0:", StringComparison.Ordinal);
    }
}
