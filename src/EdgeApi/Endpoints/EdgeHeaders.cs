using ConsentSnapshots.Storage;
using Microsoft.Extensions.Primitives;

namespace ConsentSnapshots.EdgeApi.Endpoints;

/// <summary>The headers whose values never change, kept as the response takes them.</summary>
internal static class EdgeHeaders
{
    public static readonly StringValues Json = "application/json";
    public static readonly StringValues JavaScript = "text/javascript; charset=utf-8";
    public static readonly StringValues Nosniff = "nosniff";
    public static readonly StringValues Everyone = "*";
    public static readonly StringValues VaryByCoding = "Accept-Encoding";
    public static readonly StringValues NotStored = "no-store";
    public static readonly StringValues Immutable = BlobProperties.Immutable;
    public static readonly StringValues ShortLived = BlobProperties.ShortLived;
    public static readonly StringValues ShortLivedPrivate = "private, max-age=30, stale-while-revalidate=60, stale-if-error=3600";
    public static readonly StringValues PrivateRedirect = "private, max-age=30";
    public static readonly StringValues Methods = "GET, HEAD, OPTIONS";

    // What the Fetch standard does not let a page read by itself.
    private static readonly StringValues Exposed = "Age, Content-Location, Date, ETag, Retry-After, Vary";

    // A wildcard is not understood by every browser that is still in use, and never covers Authorization.
    private static readonly StringValues AllowedHeaders =
        "Accept, Accept-Language, Authorization, Cache-Control, Content-Type, If-Modified-Since, If-None-Match, Pragma, X-Requested-With, *";

    private static readonly StringValues PreflightAge = "86400";

    /// <summary>What every answer carries: any page may read it, and nobody may take it for something else than it says it is.</summary>
    public static void ApplyCommon(IHeaderDictionary headers)
    {
        headers.AccessControlAllowOrigin = Everyone;
        headers.AccessControlExposeHeaders = Exposed;
        headers["Timing-Allow-Origin"] = Everyone;
        headers.XContentTypeOptions = Nosniff;
    }

    /// <summary>Answers a CORS preflight, or any other OPTIONS.</summary>
    public static void ApplyPreflight(IHeaderDictionary headers)
    {
        ApplyCommon(headers);
        headers.Allow = Methods;
        headers.AccessControlAllowMethods = Methods;
        headers.AccessControlAllowHeaders = AllowedHeaders;
        headers.AccessControlMaxAge = PreflightAge;
    }
}
