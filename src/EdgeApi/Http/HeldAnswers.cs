using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using Microsoft.AspNetCore.Http.Features;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>
/// The short way of a request: an answer whose body is held is sent as soon as the web server has read the request, before there is a context, a route or a middleware. That is nearly every
/// request, and it allocates nothing and takes no lock. Whatever is not at hand, is not asked for in the usual way, or is not answered with 200 or 304 goes the long way, through the routes
/// (<see cref="ScopeAnswers"/>); a test compares the bytes of both.
/// </summary>
internal sealed class HeldAnswers(HeldScopes scopes, AnswerWriter writer, AnswerKinds kinds, QueryCache queries, EdgeMetrics metrics, EdgeOptions options)
{
    private const string Prefix = "/v1/";
    private const string ByConsentSet = "scripts/";
    private const string Json = ".json";

    private static readonly FrozenDictionary<string, ConsentSet>.AlternateLookup<ReadOnlySpan<char>> s_sets =
        ConsentSet.All.ToFrozenDictionary(set => set.Name, StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    private readonly Scope? _bound = options.BoundScope;

    /// <summary>Answers a request, if that can be done at once.</summary>
    /// <param name="features">The request and its response, as the web server has them.</param>
    /// <param name="sent">Completes when the answer has been sent; null where the request has to go the long way, and then nothing has been touched.</param>
    public bool TryAnswer(IFeatureCollection features, [NotNullWhen(true)] out Task? sent)
    {
        sent = null;
        if (options.Mode != EdgeMode.Inline) return false;
        var request = features.GetRequiredFeature<IHttpRequestFeature>();
        var isHead = HttpMethods.IsHead(request.Method);
        if (!isHead && !HttpMethods.IsGet(request.Method)) return false;
        if (!TryFind(request, out var held, out var name, out var kind) || !options.Answers(held.Served.Scope)) return false;
        var answer = held.Served[name];
        if (!AcceptEncoding.TryChoose(request.Headers.AcceptEncoding, out var coding) || answer.Find(coding) is not { } body) return false;
        var precondition = Preconditions.Evaluate(request.Headers, body.ETag!, answer.LastModified);
        if (precondition == PreconditionResult.Failed) return false;

        held.Use();
        body.Use();
        metrics.LookedUp(LookupResult.Held);
        var response = features.GetRequiredFeature<IHttpResponseFeature>();
        response.StatusCode = writer.Describe(request.Headers, response.Headers, body, kind, precondition);
        sent = isHead || response.StatusCode == StatusCodes.Status304NotModified ? Task.CompletedTask : SendAsync(features, body);
        return true;
    }

    /// <summary>The token for a client that goes away would be made for each request; the web server ends the writing to such a client by itself.</summary>
    private static Task SendAsync(IFeatureCollection features, EncodedBody body)
    {
        var written = features.GetRequiredFeature<IHttpResponseBodyFeature>().Writer.WriteAsync(body.Bytes, default);
        if (!written.IsCompletedSuccessfully) return written.AsTask();
        _ = written.Result;
        return Task.CompletedTask;
    }

    private bool TryFind(IHttpRequestFeature request, [NotNullWhen(true)] out HeldScope? held, out AnswerName name, [NotNullWhen(true)] out AnswerKind? kind)
    {
        (held, name, kind) = (null, default, null);
        var path = request.Path.AsSpan();
        if (path is "/analytics/scripts") return TryFindByQuery(request.QueryString, out held, out name, out kind);
        if (!path.StartsWith(Prefix)) return false;
        path = path[Prefix.Length..];
        if (!TryTakeSegment(ref path, out var organization) || !TryTakeSegment(ref path, out var text) || !TryReadEnvironment(text, out var environment)) return false;
        switch (path)
        {
            case "scripts.json" or "config":
                (name, kind) = (AnswerName.List, kinds.ByPath);
                break;
            case "tags.js":
                (name, kind) = (AnswerName.Tags, kinds.Tags);
                break;
            case "scripts":
                if (queries.Read(request.QueryString).Consent is not { Outcome: ConsentQueryOutcome.Understood } query) return false;
                (name, kind) = (AnswerName.Of(query.Consent), kinds.ByQuery);
                break;
            default:
                if (!path.StartsWith(ByConsentSet) || !path.EndsWith(Json)) return false;
                if (path.Length < ByConsentSet.Length + Json.Length || !s_sets.TryGetValue(path[ByConsentSet.Length..^Json.Length], out var set)) return false;
                (name, kind) = (AnswerName.Of(set), kinds.ByPath);
                break;
        }
        return scopes.TryGet(new ScopeName(organization, environment), out held);
    }

    private bool TryFindByQuery(string queryString, [NotNullWhen(true)] out HeldScope? held, out AnswerName name, [NotNullWhen(true)] out AnswerKind? kind)
    {
        (held, name, kind) = (null, default, null);
        var query = queries.Read(queryString);
        if (query.Repeated is not null || query.Consent.Outcome != ConsentQueryOutcome.Understood) return false;
        (name, kind) = (AnswerName.Of(query.Consent.Consent), kinds.ByQuery);
        if (!TryReadEnvironment(query.Environment, options.Environment, out var environment)) return false;
        if ((query.Organization ?? options.Organization?.Value) is not { } organization) return false;
        return scopes.TryGet(new ScopeName(organization, environment), out held) && (_bound is not { } bound || bound == held.Served.Scope);
    }

    private static bool TryTakeSegment(ref ReadOnlySpan<char> path, out ReadOnlySpan<char> segment)
    {
        var length = path.IndexOf('/');
        segment = length < 0 ? default : path[..length];
        path = length < 0 ? default : path[(length + 1)..];
        return length > 0;
    }

    private static bool TryReadEnvironment(string? text, DeploymentEnvironment? usual, out DeploymentEnvironment environment)
    {
        environment = usual.GetValueOrDefault();
        return text is null ? usual is not null : TryReadEnvironment(text, out environment);
    }

    private static bool TryReadEnvironment(ReadOnlySpan<char> text, out DeploymentEnvironment environment)
    {
        DeploymentEnvironment? found = text switch
        {
            "production" => DeploymentEnvironment.Production,
            "staging" => DeploymentEnvironment.Staging,
            "development" => DeploymentEnvironment.Development,
            _ => null,
        };
        environment = found.GetValueOrDefault();
        return found is not null;
    }
}
