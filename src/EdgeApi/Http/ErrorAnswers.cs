using ConsentSnapshots.EdgeApi.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Scripts;
using Microsoft.Extensions.Primitives;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>Every answer that is not the one asked for: <c>{"error","message"}</c>, readable by any page, and never cached for long.</summary>
internal sealed class ErrorAnswers(EdgeOptions options, EdgeHeaders headers, EdgeMetrics metrics)
{
    private readonly StringValues _retryAfter = Math.Ceiling(options.RetryAfter.TotalSeconds).ToString(CultureInfo.InvariantCulture);

    public Task MissingConsentAsync(HttpContext context) =>
        BadRequestAsync(context, "Missing consent parameter", "Consent preferences are required");

    public Task MalformedConsentAsync(HttpContext context, string problem) => BadRequestAsync(context, "Invalid consent parameter", problem);

    public Task BadRequestAsync(HttpContext context, string error, string message) =>
        WriteAsync(context, StatusCodes.Status400BadRequest, error, message, EdgeHeaders.NotStored, RequestOutcome.BadRequest);

    /// <param name="context">The request.</param>
    /// <param name="isByQuery">The query names the scope.</param>
    public Task UnknownOrganizationAsync(HttpContext context, bool isByQuery) =>
        NotFoundAsync(context, "Unknown organization", "Nothing has been published for this organization and environment.", isByQuery);

    /// <param name="context">The request.</param>
    /// <param name="isByQuery">The query names the scope.</param>
    public Task UnknownEnvironmentAsync(HttpContext context, bool isByQuery) =>
        NotFoundAsync(context, "Unknown environment", "The environment is development, staging or production.", isByQuery);

    public Task UnknownConsentSetAsync(HttpContext context) =>
        NotFoundAsync(context, "Unknown consent set", "A consent set is named necessary, or by what is granted of functionality, experience, measurement and marketing, in this order and joined by hyphens.");

    public Task NotFoundAsync(HttpContext context, string error, string message, bool isByQuery = false) =>
        WriteAsync(context, StatusCodes.Status404NotFound, error, message, isByQuery ? headers.NotFoundByQuery : headers.NotFound, RequestOutcome.NotFound);

    public Task MethodNotAllowedAsync(HttpContext context)
    {
        context.Response.Headers.Allow = EdgeHeaders.Methods;
        return WriteAsync(context, StatusCodes.Status405MethodNotAllowed, "Method not allowed", "Use GET, HEAD or OPTIONS.",
            EdgeHeaders.NotStored, RequestOutcome.MethodNotAllowed);
    }

    public Task NotAcceptableAsync(HttpContext context)
    {
        return WriteAsync(context, StatusCodes.Status406NotAcceptable, "Not acceptable",
            "The answer comes in br, gzip or identity, and Accept-Encoding refuses all three.", EdgeHeaders.NotStored, RequestOutcome.NotAcceptable, headers.VaryByCoding);
    }

    public Task PreconditionFailedAsync(HttpContext context) =>
        WriteAsync(context, StatusCodes.Status412PreconditionFailed, "Precondition failed",
            "What is served is not what If-Match or If-Unmodified-Since asks for.", EdgeHeaders.NotStored, RequestOutcome.PreconditionFailed);

    public Task UnavailableAsync(HttpContext context)
    {
        context.Response.Headers.RetryAfter = _retryAfter;
        return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "Temporarily unavailable",
            "The scripts cannot be read at the moment. Try again later.", EdgeHeaders.NotStored, RequestOutcome.Unavailable);
    }

    private Task WriteAsync(HttpContext context, int status, string error, string message, StringValues cacheControl, RequestOutcome outcome, StringValues vary = default)
    {
        metrics.Answered(outcome);
        var response = context.Response;
        response.StatusCode = status;
        headers.ApplyCommon(context);
        if (vary.Count > 0) response.Headers.Vary = vary;
        response.Headers.ContentType = EdgeHeaders.Json;
        response.Headers.CacheControl = cacheControl;
        var body = Render(error, message);
        response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private static readonly JsonWriterOptions Plain = new() { Encoder = ScriptJson.Encoder };

    private static byte[] Render(string error, string message)
    {
        using var buffer = new MemoryStream(256);
        using (var writer = new Utf8JsonWriter(buffer, Plain))
        {
            writer.WriteStartObject();
            writer.WriteString("error", error);
            writer.WriteString("message", message);
            writer.WriteEndObject();
        }
        return buffer.ToArray();
    }
}
