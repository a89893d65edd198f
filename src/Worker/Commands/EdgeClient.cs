using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>What an edge, or a CDN in front of it, serves of a scope.</summary>
/// <param name="Address">The edge's base address.</param>
/// <param name="Version">The version of the list that it serves; null where it serves none.</param>
/// <param name="Scripts">The ids of the scripts in its answer, for the consent that was asked for or in the list.</param>
/// <param name="Problem">What kept it from answering; null where it answered.</param>
internal sealed record EdgeAnswer(Uri Address, int? Version, ImmutableHashSet<string> Scripts, string? Problem)
{
    /// <summary>Whether it answered that it knows no such scope: nothing is published, or <c>Edge__Scopes</c> leaves it out.</summary>
    public bool IsUnknown { get; init; }

    /// <summary>How long the list has been in a cache on the way, where one says so.</summary>
    public TimeSpan? Age { get; init; }
}

/// <summary>Joins an edge's address with what is said of it.</summary>
internal static class EdgeLines
{
    /// <summary>One sentence, with the address in place of "it".</summary>
    public static string Line(Uri edge, string text) => text.StartsWith("It ", StringComparison.Ordinal) ? $"{edge} {text[3..]}" : $"{edge}: {text}";
}

/// <summary>What an edge says of itself.</summary>
/// <param name="Address">The edge's base address.</param>
/// <param name="Status"><c>ready</c>, <c>degraded</c> or <c>not-ready</c>; null where it did not say.</param>
/// <param name="Reasons">Why it is not simply ready.</param>
/// <param name="Place">How many records of the change log it has followed; null where it does not know.</param>
/// <param name="Problem">What kept it from answering; null where it answered.</param>
internal sealed record EdgeState(Uri Address, string? Status, ImmutableArray<string> Reasons, long? Place, string? Problem);

/// <summary>Asks edges over HTTP. Whatever an edge answers, or does not, is a value.</summary>
internal sealed class EdgeClient : IDisposable
{
    // Beyond a manifest's own limit an answer is none of ours.
    private const int LargestAnswer = 32 << 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        ConnectTimeout = TimeSpan.FromSeconds(5),
        AutomaticDecompression = DecompressionMethods.All,
        MaxAutomaticRedirections = 3,
        UseCookies = false,
    })
    {
        Timeout = Patience,
        MaxResponseContentBufferSize = LargestAnswer,
    };

    /// <summary>What an edge serves of a scope: its list, and with a consent the scripts for that.</summary>
    public async Task<EdgeAnswer> AskAsync(Uri edge, Generator.Destinations.Scope scope, ConsentSet? consent, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await _http.GetAsync(At(edge, $"/v1/{scope}/scripts.json"), cancellationToken);
            var age = response.Headers.Age;
            if (!response.IsSuccessStatusCode) return Failed(await ProblemAsync(response, cancellationToken)) with { IsUnknown = response.StatusCode == HttpStatusCode.NotFound };
            var bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            if (PublishedVersions.OfList(bytes) is not { } version) return Failed("It answers with something that is no list of this product.");
            if (consent is { } set)
            {
                var query = string.Join(',', set.Optional.Select(category => category.Name()).DefaultIfEmpty("necessary"));
                using var answer = await _http.GetAsync(At(edge, $"/v1/{scope}/scripts?consent={query}"), cancellationToken);
                if (!answer.IsSuccessStatusCode) return Failed(await ProblemAsync(answer, cancellationToken)) with { Version = version };
                bytes = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
                // A cache may hold the answer to the query for longer than the list.
                age = (answer.Headers.Age ?? TimeSpan.Zero) > (age ?? TimeSpan.Zero) ? answer.Headers.Age : age;
            }
            return new EdgeAnswer(edge, version, ScriptIds(bytes), null) { Age = age };
        }
        catch (Exception exception) when (IsAnswer(exception, cancellationToken))
        {
            return Failed(Reason(exception));
        }

        EdgeAnswer Failed(string problem) => new(edge, null, [], problem);
    }

    /// <summary>Whether an edge is ready.</summary>
    public async Task<EdgeState> AskStateAsync(Uri edge, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await _http.GetAsync(At(edge, "/health/ready"), cancellationToken);
            var bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable)) return Failed(Status(response));
            using var document = JsonDocument.Parse(bytes);
            var root = document.RootElement;
            return new EdgeState(
                edge,
                root.GetProperty("status").GetString(),
                [.. root.GetProperty("reasons").EnumerateArray().Select(reason => reason.GetString() ?? "")],
                root.TryGetProperty("changeLogPlace", out var place) && place.ValueKind == JsonValueKind.Number ? place.GetInt64() : null,
                null);
        }
        catch (Exception exception) when (IsAnswer(exception, cancellationToken))
        {
            return Failed(Reason(exception));
        }

        EdgeState Failed(string problem) => new(edge, null, [], null, problem);
    }

    public void Dispose() => _http.Dispose();

    private static Uri At(Uri edge, string path) => new(edge.AbsoluteUri.TrimEnd('/') + path);

    private static ImmutableHashSet<string> ScriptIds(byte[] bytes)
    {
        using var document = JsonDocument.Parse(bytes);
        return [.. document.RootElement.GetProperty("scripts").EnumerateArray().Select(script => script.GetProperty("id").GetString()!)];
    }

    private static async Task<string> ProblemAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.StatusCode == HttpStatusCode.NotFound) return "It answers 404: it knows no such scope.";
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        return response.Content.Headers.ContentType?.MediaType == "application/json" && Message(text) is { } message
            ? $"{Status(response)} {message}"
            : Status(response);
    }

    private static string Status(HttpResponseMessage response) =>
        string.Create(CultureInfo.InvariantCulture, $"It answers {(int)response.StatusCode}.");

    private static string? Message(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            foreach (var name in (string[])["message", "detail", "error"])
                if (document.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String) return value.GetString();
            return null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Whatever an edge does is an answer, unless the command itself is stopped.</summary>
    private static bool IsAnswer(Exception exception, CancellationToken cancellationToken) =>
        exception is not (OutOfMemoryException or OperationCanceledException) || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested);

    private static string Reason(Exception exception) => exception switch
    {
        OperationCanceledException => $"It has not answered within {Patience.TotalSeconds} s.",
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError } or IOException =>
            $"It cannot be reached: {Redaction.Mask(exception.InnerException?.Message ?? exception.Message)}.".Replace("..", ".", StringComparison.Ordinal),
        HttpRequestException => $"It cannot be asked: {Redaction.Mask(exception.Message)}",
        _ => "It answers with something that is not of this product.",
    };
}
