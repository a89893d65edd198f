using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>What the types that load gtag.js (<see href="https://developers.google.com/tag-platform/gtagjs"/>) have in common: its loader, which <c>scriptUrl</c> may replace, and the data layer that it reads.</summary>
internal static class GoogleTag
{
    private static readonly PageUrl s_loader = PageUrl.Of("https://www.googletagmanager.com/gtag/js");

    /// <summary>Starts the tag of an id, configured with these parameters where there are any.</summary>
    public static void Start(ScriptComposer scripts, string id, ConfigObject parameters)
    {
        var layer = GoogleTagManagerType.LayerOf(scripts.Settings);
        var own = scripts.Settings.Url("scriptUrl");
        scripts.Contact(CspDirective.Connect, own);
        scripts.Contact(CspDirective.Image, own);
        var loader = own ?? s_loader;
        scripts.Start(new VendorLibrary(layer is null ? loader.With(("id", id)) : loader.With(("id", id), ("l", layer))), config =>
        {
            config.WriteString("id", id);
            if (layer is not null) config.WriteString("layer", layer);
            if (!parameters.IsEmpty) parameters.WriteTo(config, "params");
        });
    }
}
