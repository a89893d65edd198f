using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Settings;
using Microsoft.Extensions.Primitives;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>What is said about an answer of a kind, whichever scope it is of.</summary>
/// <param name="ContentType">The media type.</param>
/// <param name="CacheControl">What caches may keep.</param>
internal sealed record AnswerKind(StringValues ContentType, StringValues CacheControl);

/// <summary>The kinds of answers that a scope has.</summary>
internal sealed class AnswerKinds(EdgeHeaders headers)
{
    /// <summary>The scripts for a consent set that the query names.</summary>
    public AnswerKind ByQuery { get; } = new(EdgeHeaders.Json, headers.ReplacedByQuery);

    /// <summary>The list, or the scripts for a consent set that the path names.</summary>
    public AnswerKind ByPath { get; } = new(EdgeHeaders.Json, headers.Replaced);

    /// <summary>Loader and list in one file.</summary>
    public AnswerKind Tags { get; } = new(EdgeHeaders.JavaScript, headers.Replaced);
}

/// <summary>Sends an answer, or where it is.</summary>
internal sealed class AnswerWriter(BodyCache bodies, ErrorAnswers errors, EdgeHeaders headers, EdgeOptions options, EdgeMetrics metrics)
{
    /// <param name="context">The request.</param>
    /// <param name="answer">What to send.</param>
    /// <param name="kind">What is said about it.</param>
    public Task WriteAsync(HttpContext context, Answer answer, AnswerKind kind)
    {
        if (options.Mode == EdgeMode.Redirect) return RedirectAsync(context, answer);
        if (!AcceptEncoding.TryChoose(context.Request.Headers.AcceptEncoding, out var coding)) return errors.NotAcceptableAsync(context);
        var body = bodies.GetAsync(answer, coding, context.RequestAborted);
        return body.IsCompletedSuccessfully ? SendAsync(context, answer, body.Result, kind) : WaitAsync(context, answer, body, kind);
    }

    private async Task WaitAsync(HttpContext context, Answer answer, ValueTask<EncodedBody> pending, AnswerKind kind)
    {
        EncodedBody body;
        try
        {
            body = await pending;
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return; // nobody is listening
        }
        await SendAsync(context, answer, body, kind);
    }

    /// <summary>Writes the headers of an answer whose body is at hand, and counts it.</summary>
    /// <param name="request">The request's headers.</param>
    /// <param name="response">The response's.</param>
    /// <param name="body">The body.</param>
    /// <param name="kind">What is said about it.</param>
    /// <param name="precondition">What the request's preconditions ask for: the answer, or 304.</param>
    /// <returns>The status.</returns>
    public int Describe(IHeaderDictionary request, IHeaderDictionary response, EncodedBody body, AnswerKind kind, PreconditionResult precondition)
    {
        headers.ApplyCommon(request, response);
        response.ETag = body.ETag;
        response.CacheControl = kind.CacheControl;
        response.Vary = headers.VaryByCoding;
        if (body.ContentLocation.Count > 0) response.ContentLocation = body.ContentLocation;
        if (precondition == PreconditionResult.NotModified)
        {
            metrics.Answered(RequestOutcome.NotModified);
            return StatusCodes.Status304NotModified;
        }
        metrics.Answered(RequestOutcome.Served);
        response.ContentType = kind.ContentType;
        if (body.LastModified.Count > 0) response.LastModified = body.LastModified;
        if (body.ContentEncoding.Count > 0) response.ContentEncoding = body.ContentEncoding;
        response.ContentLength = body.Bytes.Length;
        return StatusCodes.Status200OK;
    }

    private Task RedirectAsync(HttpContext context, Answer answer)
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

    private Task SendAsync(HttpContext context, Answer answer, EncodedBody body, AnswerKind kind)
    {
        var precondition = Preconditions.Evaluate(context.Request.Headers, body.ETag!, answer.LastModified);
        if (precondition == PreconditionResult.Failed) return errors.PreconditionFailedAsync(context);

        var response = context.Response;
        response.StatusCode = Describe(context.Request.Headers, response.Headers, body, kind, precondition);
        if (response.StatusCode == StatusCodes.Status304NotModified) return Task.CompletedTask;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body.Bytes, context.RequestAborted).AsTask();
    }
}
