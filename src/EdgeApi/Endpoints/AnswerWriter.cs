using ConsentSnapshots.EdgeApi.Lookup;
using ConsentSnapshots.EdgeApi.Options;
using Microsoft.Extensions.Primitives;

namespace ConsentSnapshots.EdgeApi.Endpoints;

/// <summary>What is said about an answer of a kind, whichever scope it is of.</summary>
/// <param name="ContentType">The media type.</param>
/// <param name="CacheControl">What caches may keep.</param>
/// <param name="IsThePublicBlob">The same is at <see cref="PreparedAnswer.PublicAddress"/>, and the answer says so.</param>
internal sealed record AnswerKind(StringValues ContentType, StringValues CacheControl, bool IsThePublicBlob = false);

/// <summary>Sends a prepared answer, or where it is.</summary>
internal sealed class AnswerWriter(ErrorAnswers errors, EdgeHeaders headers, EdgeOptions options, EdgeMetrics metrics)
{
    /// <param name="context">The request.</param>
    /// <param name="answer">What to send.</param>
    /// <param name="kind">What is said about it.</param>
    /// <param name="made">Whether a body had to be made.</param>
    public Task WriteAsync(HttpContext context, PreparedAnswer answer, AnswerKind kind, out bool made)
    {
        made = false;
        return options.Mode == EdgeMode.Redirect ? RedirectAsync(context, answer) : SendAsync(context, answer, kind, out made);
    }

    private Task RedirectAsync(HttpContext context, PreparedAnswer answer)
    {
        metrics.Answered(RequestOutcome.Redirected);
        var response = context.Response;
        response.StatusCode = StatusCodes.Status307TemporaryRedirect;
        headers.ApplyCommon(context);
        response.Headers.Location = answer.PublicAddress;
        response.Headers.CacheControl = EdgeHeaders.PrivateRedirect;
        response.ContentLength = 0;
        return Task.CompletedTask;
    }

    private Task SendAsync(HttpContext context, PreparedAnswer answer, AnswerKind kind, out bool made)
    {
        made = false;
        var request = context.Request.Headers;
        if (!AcceptEncoding.TryChoose(request.AcceptEncoding, out var coding)) return errors.NotAcceptableAsync(context);
        var body = answer.Get(coding, out made);
        var precondition = Preconditions.Evaluate(request, body.ETag!, answer.LastModified);
        if (precondition == PreconditionResult.Failed) return errors.PreconditionFailedAsync(context);

        var response = context.Response;
        headers.ApplyCommon(context);
        response.Headers.ETag = body.ETag;
        response.Headers.CacheControl = kind.CacheControl;
        response.Headers.Vary = headers.VaryByCoding;
        if (kind.IsThePublicBlob && answer.PublicAddress.Count > 0) response.Headers.ContentLocation = answer.PublicAddress;
        if (precondition == PreconditionResult.NotModified)
        {
            metrics.Answered(RequestOutcome.NotModified);
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }
        metrics.Answered(RequestOutcome.Served);
        response.Headers.ContentType = kind.ContentType;
        if (answer.LastModified is not null) response.Headers.LastModified = answer.LastModifiedHeader;
        if (coding != ContentCoding.Identity) response.Headers.ContentEncoding = body.ContentEncoding;
        response.ContentLength = body.Bytes.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body.Bytes, context.RequestAborted).AsTask();
    }
}
