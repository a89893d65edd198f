using System.Collections.Frozen;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.Primitives;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>
/// The headers that depend on settings only, kept as the response takes them. Whom CORS lets read is decided here for everything that the edge answers, errors and preflights
/// included: an answer that a page cannot read is a riddle to its developer.
/// </summary>
internal sealed class EdgeHeaders
{
    public static readonly StringValues Json = "application/json";
    public static readonly StringValues JavaScript = "text/javascript; charset=utf-8";
    public static readonly StringValues NotStored = "no-store";
    public static readonly StringValues PrivateRedirect = "private, max-age=30";
    public static readonly StringValues Methods = "GET, HEAD, OPTIONS";

    private static readonly StringValues Nosniff = "nosniff";
    private static readonly StringValues True = "true";
    private static readonly StringValues VaryByOrigin = "Origin";

    // What the Fetch standard does not let a page read by itself.
    private static readonly StringValues Exposed = "Age, Content-Location, Date, ETag, Retry-After, Vary";

    // A wildcard is not understood by every browser that is still in use, never covers Authorization, and counts for requests without credentials only.
    private static readonly StringValues AllowedHeaders =
        "Accept, Accept-Language, Authorization, Cache-Control, Content-Type, If-Modified-Since, If-None-Match, Pragma, X-Requested-With, *";

    private static readonly StringValues PreflightAge = "86400";

    // Everyone, or the one origin there is; with several it depends on who asks.
    private readonly StringValues _origin = "*";
    private readonly FrozenDictionary<string, StringValues>? _origins;
    private readonly bool _isNamed;

    public EdgeHeaders(EdgeOptions options)
    {
        _isNamed = !options.Origins.IsEmpty;
        if (options.Origins is [var only]) _origin = only;
        else if (_isNamed) _origins = options.Origins.ToFrozenDictionary(origin => origin, origin => new StringValues(origin), StringComparer.Ordinal);
        VaryByCoding = _origins is null ? "Accept-Encoding" : "Accept-Encoding, Origin";

        Replaced = Shared(BlobProperties.ShortLived, _origins is null);
        ReplacedByQuery = Shared(BlobProperties.ShortLived, false);
        LoaderScript = Shared(BlobProperties.LoaderScript.CacheControl, _origins is null);
        Immutable = Shared(BlobProperties.Immutable, _origins is null);
        // A scope may come to exist at any moment. Caches in front hold a 404 no longer than this edge does.
        var briefly = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"public, max-age={(int)Math.Ceiling(options.NegativeCacheDuration.TotalSeconds)}");
        NotFound = Shared(briefly, _origins is null);
        NotFoundByQuery = Shared(briefly, false);

        // Where the answer differs by what a cache may ignore (the query, or Vary), only an operator can say that the caches in front do not.
        StringValues Shared(string cacheControl, bool isKeyedByPath) => isKeyedByPath || options.SharedQueryCache ? cacheControl : $"private{cacheControl["public".Length..]}";
    }

    /// <summary>Caching of what is replaced under its address with each version.</summary>
    public StringValues Replaced { get; }

    /// <summary>The same where the query decides what is answered.</summary>
    public StringValues ReplacedByQuery { get; }

    /// <summary>Caching of our loader.</summary>
    public StringValues LoaderScript { get; }

    /// <summary>Caching of what never changes under its address.</summary>
    public StringValues Immutable { get; }

    /// <summary>Caching of an error that stands for a path.</summary>
    public StringValues NotFound { get; }

    /// <summary>The same where the query decides: a cache that ignores it would give one caller's mistake to all.</summary>
    public StringValues NotFoundByQuery { get; }

    /// <summary>Vary of what is answered in several codings.</summary>
    public StringValues VaryByCoding { get; }

    /// <summary>What every answer carries: who may read it, and that nobody may take it for something else than it says it is.</summary>
    public void ApplyCommon(HttpContext context) => ApplyCommon(context.Request.Headers, context.Response.Headers);

    /// <param name="request">The request's headers.</param>
    /// <param name="headers">The response's.</param>
    public void ApplyCommon(IHeaderDictionary request, IHeaderDictionary headers)
    {
        headers.XContentTypeOptions = Nosniff;
        headers.AccessControlExposeHeaders = Exposed;
        var origin = _origin;
        if (_origins is not null)
        {
            // Also on answers to others: a cache would give them to those who may read.
            headers.Vary = VaryByOrigin;
            var asking = request.Origin;
            if (asking.Count != 1 || asking[0] is not { } text || !_origins.TryGetValue(text, out origin)) return;
        }
        headers.AccessControlAllowOrigin = origin;
        headers["Timing-Allow-Origin"] = origin;
        if (_isNamed) headers.AccessControlAllowCredentials = True;
    }

    /// <summary>Answers a CORS preflight, or any other OPTIONS.</summary>
    public void ApplyPreflight(HttpContext context)
    {
        ApplyCommon(context);
        var headers = context.Response.Headers;
        headers.Allow = Methods;
        headers.AccessControlAllowMethods = Methods;
        headers.AccessControlAllowHeaders = AllowedHeaders;
        headers.AccessControlMaxAge = PreflightAge;
    }
}
