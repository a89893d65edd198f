using ConsentSnapshots.EdgeApi.Lookup;
using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using Microsoft.Extensions.Primitives;

namespace ConsentSnapshots.EdgeApi.Endpoints;

/// <summary>The request path: find the scope, pick the prepared answer, send it.</summary>
internal sealed class ScopeAnswers(ScopeCache cache, ErrorAnswers errors, EdgeOptions options, EdgeMetrics metrics)
{
    private readonly StringValues _queryCacheControl = options.SharedQueryCache ? EdgeHeaders.ShortLived : EdgeHeaders.ShortLivedPrivate;

    private enum Form
    {
        /// <summary>The consent is in the query, which a cache in front may ignore.</summary>
        Query,

        /// <summary>The consent is in the path, which is every cache's key.</summary>
        Path,

        /// <summary>The gated list.</summary>
        List,
    }

    /// <summary>Answers a query with the scripts of a consent set, or where they are.</summary>
    public Task ByQueryAsync(HttpContext context, string? organization, string? environment, ConsentSet consent) =>
        AnswerAsync(context, organization, environment, Form.Query, consent);

    /// <summary>Answers a path with the scripts of a consent set, or where they are.</summary>
    public Task ByPathAsync(HttpContext context, string? organization, string? environment, ConsentSet consent) =>
        AnswerAsync(context, organization, environment, Form.Path, consent);

    /// <summary>Answers with the gated list, or where it is.</summary>
    public Task ListAsync(HttpContext context, string? organization, string? environment) => AnswerAsync(context, organization, environment, Form.List, default);

    private Task AnswerAsync(HttpContext context, string? organization, string? environment, Form form, ConsentSet set)
    {
        if (!DeploymentEnvironments.TryParse(environment, out var parsed)) return errors.UnknownEnvironmentAsync(context);
        if (!OrganizationId.TryParse(organization, out var id)) return errors.UnknownOrganizationAsync(context);
        var lookup = cache.GetAsync(new Scope(id, parsed), context.RequestAborted);
        return lookup.IsCompletedSuccessfully ? AnswerAsync(context, lookup.Result, form, set) : WaitAsync(context, lookup, form, set);
    }

    private async Task WaitAsync(HttpContext context, ValueTask<ScopeLookup> pending, Form form, ConsentSet set)
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
        await AnswerAsync(context, lookup, form, set);
    }

    private Task AnswerAsync(HttpContext context, in ScopeLookup lookup, Form form, ConsentSet set)
    {
        if (lookup.Outcome == ScopeOutcome.Unknown) return errors.UnknownOrganizationAsync(context);
        if (lookup.State is not { } state) return errors.UnavailableAsync(context);
        var answer = form == Form.List ? state.List : state.Answers[set.Index];
        return options.Mode == EdgeMode.Redirect ? RedirectAsync(context, answer) : SendAsync(context, state, answer, form);
    }

    private Task RedirectAsync(HttpContext context, PreparedAnswer answer)
    {
        metrics.Answered(RequestOutcome.Redirected);
        var response = context.Response;
        response.StatusCode = StatusCodes.Status307TemporaryRedirect;
        EdgeHeaders.ApplyCommon(response.Headers);
        response.Headers.Location = answer.PublicAddress;
        response.Headers.CacheControl = EdgeHeaders.PrivateRedirect;
        response.ContentLength = 0;
        return Task.CompletedTask;
    }

    private Task SendAsync(HttpContext context, ScopeState state, PreparedAnswer answer, Form form)
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
        headers.CacheControl = form == Form.Query ? _queryCacheControl : EdgeHeaders.ShortLived;
        headers.Vary = EdgeHeaders.VaryByCoding;
        if (form == Form.List && answer.PublicAddress.Count > 0) headers.ContentLocation = answer.PublicAddress;
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
