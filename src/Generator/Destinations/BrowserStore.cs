namespace ConsentSnapshots.Generator.Destinations;

/// <summary>Where a browser keeps what the scripts of a page store.</summary>
public enum BrowserStore
{
    /// <summary>The cookies of the site.</summary>
    Cookie,

    /// <summary>The site's <c>localStorage</c>.</summary>
    LocalStorage,

    /// <summary>The site's <c>sessionStorage</c>.</summary>
    SessionStorage,
}

/// <summary>What the stores are called in lists.</summary>
public static class BrowserStores
{
    /// <summary>The key of an <c>erase</c> entry.</summary>
    public static string Name(this BrowserStore store) => store switch
    {
        BrowserStore.Cookie => "cookie",
        BrowserStore.LocalStorage => "localStorage",
        BrowserStore.SessionStorage => "sessionStorage",
        _ => throw new ArgumentOutOfRangeException(nameof(store), store, "Not a store of the browser."),
    };
}
