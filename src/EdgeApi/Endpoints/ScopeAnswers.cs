using ConsentSnapshots.EdgeApi.Lookup;
using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using Microsoft.Extensions.Primitives;

namespace ConsentSnapshots.EdgeApi.Endpoints;

/// <summary>The request path: find the scope, pick the prepared answer, send it.</summary>
internal sealed class ScopeAnswers(ScopeCache cache, ErrorAnswers errors, EdgeOptions options, EdgeMetrics metrics)
{
    private readonly StringValues _cacheControl = options.CacheControl;
    private readonly StringValues _redirectCacheControl = options.RedirectCacheControl;

    /// <summary>Answers with the scripts of a consent set, or where they are.</summary>
    public Task ScriptsAsync(HttpContext context, string? organization, string? environment, ConsentSet consent) =>
        AnswerAsync(context, organization, environment, consent.Index);

    /// <summary>Answers with the whole scope.</summary>
    public Task ConfigAsync(HttpContext context, string? organization, string? environment) => AnswerAsync(context, organization, environment, -1);

    private Task AnswerAsync(HttpContext context, string? organization, string? environment, int set)
    {
        if (!DeploymentEnvironments.TryParse(environment, out var parsed)) return errors.UnknownEnvironmentAsync(context);
        if (!OrganizationId.TryParse(organization, out var id)) return errors.UnknownOrganizationAsync(context);
        var lookup = cache.GetAsync(new Scope(id, parsed), context.RequestAborted);
        return lookup.IsCompletedSuccessfully ? AnswerAsync(context, lookup.Result, set) : WaitAsync(context, lookup, set);
    }

    private async Task WaitAsync(HttpContext context, ValueTask<ScopeLookup> pending, int set)
    {
        ScopeLookup lookup;
        try
        {
            lookup = await pending;
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return; // nobody is listening
        }
        await AnswerAsync(context, lookup, set);
    }

    private Task AnswerAsync(HttpContext context, in ScopeLookup lookup, int set)
    {
        if (lookup.Outcome == ScopeOutcome.Unknown) return errors.UnknownOrganizationAsync(context);
        if (lookup.State is not { } state) return errors.UnavailableAsync(context);
        if (set < 0) return SendAsync(context, state, state.Config);
        var answer = state.Answers[set];
        return options.Mode == EdgeMode.Redirect ? RedirectAsync(context, answer) : SendAsync(context, state, answer);
    }

    private Task RedirectAsync(HttpContext context, PreparedAnswer answer)
    {
        metrics.Answered(RequestOutcome.Redirected);
        var response = context.Response;
        response.StatusCode = StatusCodes.Status307TemporaryRedirect;
        EdgeHeaders.ApplyCommon(response.Headers);
        response.Headers.Location = answer.PublicAddress;
        response.Headers.CacheControl = _redirectCacheControl;
        response.ContentLength = 0;
        return Task.CompletedTask;
    }

    private Task SendAsync(HttpContext context, ScopeState state, PreparedAnswer answer)
    {
        var request = context.Request.Headers;
        if (!AcceptEncoding.TryChoose(request.AcceptEncoding, out var coding)) return errors.NotAcceptableAsync(context);
        var body = answer.Get(coding, out var made);
        if (made) cache.Grew(state);
        var precondition = Preconditions.Evaluate(request, body.ETag!, answer.LastModified);
        if (precondition == PreconditionResult.Failed) return errors.PreconditionFailedAsync(context);

        var response = context.Response;
        var headers = response.Headers;
        EdgeHeaders.ApplyCommon(headers);
        headers.ETag = body.ETag;
        headers.CacheControl = _cacheControl;
        headers.Vary = EdgeHeaders.VaryByCoding;
        if (answer.PublicAddress.Count > 0) headers.ContentLocation = answer.PublicAddress;
        if (precondition == PreconditionResult.NotModified)
        {
            metrics.Answered(RequestOutcome.NotModified);
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }
        metrics.Answered(RequestOutcome.Served);
        headers.ContentType = EdgeHeaders.Json;
        headers.LastModified = answer.LastModifiedHeader;
        if (coding != ContentCoding.Identity) headers.ContentEncoding = body.ContentEncoding;
        response.ContentLength = body.Bytes.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body.Bytes, context.RequestAborted).AsTask();
    }
}
