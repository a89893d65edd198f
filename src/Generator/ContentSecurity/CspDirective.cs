namespace ConsentSnapshots.Generator.ContentSecurity;

/// <summary>The fetch directives of a Content-Security-Policy that scripts need something of, in the order they are written (<see href="https://www.w3.org/TR/CSP3/#directives-fetch"/>).</summary>
public enum CspDirective
{
    /// <summary>Scripts that are loaded or stand in the page.</summary>
    Script,

    /// <summary>fetch, XMLHttpRequest, WebSocket and beacons.</summary>
    Connect,

    /// <summary>Images, tracking pixels among them.</summary>
    Image,

    /// <summary>Frames.</summary>
    Frame,

    /// <summary>Style sheets.</summary>
    Style,

    /// <summary>Fonts.</summary>
    Font,

    /// <summary>Workers.</summary>
    Worker,

    /// <summary>Sounds and films.</summary>
    Media,
}

/// <summary>What directives are called on the wire.</summary>
public static class CspDirectives
{
    /// <summary>The directive's name, such as <c>script-src</c>.</summary>
    public static string Name(this CspDirective directive) => directive switch
    {
        CspDirective.Script => "script-src",
        CspDirective.Connect => "connect-src",
        CspDirective.Image => "img-src",
        CspDirective.Frame => "frame-src",
        CspDirective.Style => "style-src",
        CspDirective.Font => "font-src",
        CspDirective.Worker => "worker-src",
        CspDirective.Media => "media-src",
        _ => throw new ArgumentOutOfRangeException(nameof(directive)),
    };
}
