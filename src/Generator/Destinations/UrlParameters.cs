namespace ConsentSnapshots.Generator.Destinations;

/// <summary>Adds parameters to a URL that an organization may have given a query or a fragment.</summary>
internal static class UrlParameters
{
    /// <summary>The URL with these parameters at the end of its query, in place of those it has of the same names. Names and values need no escape.</summary>
    public static Uri With(this Uri url, params ReadOnlySpan<(string Name, string Value)> parameters)
    {
        var query = url.Query.TrimStart('?');
        foreach (var (name, _) in parameters)
            if (query.Length > 0) query = string.Join('&', query.Split('&').Where(pair => pair.Length > 0 && pair.Split('=')[0] != name));
        foreach (var (name, value) in parameters) query = query.Length == 0 ? $"{name}={value}" : $"{query}&{name}={value}";
        return new Uri($"{url.GetLeftPart(UriPartial.Path)}?{query}{url.Fragment}");
    }
}
