using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace ConsentSnapshots.Edge.Benchmarks;

/// <summary>What is asked for.</summary>
/// <param name="Name">What the tables call it.</param>
/// <param name="Path">The path; <c>{0}</c> stands for the number of a scope, in five digits.</param>
/// <param name="Scopes">How many scopes are asked for, in random order.</param>
/// <param name="AcceptEncoding">The coding.</param>
/// <param name="Conditional">Whether the client has the answer already.</param>
internal sealed record Question(string Name, string Path, int Scopes, string AcceptEncoding, bool Conditional = false);

/// <summary>What one run of wrk found.</summary>
/// <param name="Rate">Requests a second.</param>
/// <param name="P99">The time within which 99 of 100 were answered, in milliseconds.</param>
/// <param name="Requests">How many were answered.</param>
/// <param name="Processor">The server's processor time for each request, in microseconds. It depends less on what else the machine does than the rate.</param>
internal sealed record Measured(double Rate, double P99, long Requests, double Processor);

/// <summary>Asks a server as fast as it answers, with wrk on 64 connections.</summary>
internal static partial class Load
{
    private const string Script = """
        local scopes, path, tag = tonumber(os.getenv("BENCHMARK_SCOPES")), os.getenv("BENCHMARK_PATH"), os.getenv("BENCHMARK_ETAG")
        local requests = {}
        function init()
          math.randomseed(os.time())
          wrk.headers["Accept-Encoding"] = os.getenv("BENCHMARK_CODING")
          if tag ~= "" then wrk.headers["If-None-Match"] = tag end
          for number = 0, scopes - 1 do requests[number] = wrk.format("GET", (string.gsub(path, "{0}", string.format("%05d", number)))) end
        end
        function request() return requests[math.random(0, scopes - 1)] end
        """;

    /// <summary>One run.</summary>
    public static async Task<Measured> RunAsync(Server server, Question question, int seconds)
    {
        var script = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(script, Script);
            var start = new ProcessStartInfo("wrk", ["-t1", "-c64", $"-d{seconds}s", "--latency", "-s", script, server.Address.OriginalString]) { RedirectStandardOutput = true };
            start.Environment["BENCHMARK_SCOPES"] = question.Scopes.ToString(CultureInfo.InvariantCulture);
            start.Environment["BENCHMARK_PATH"] = question.Path;
            start.Environment["BENCHMARK_CODING"] = question.AcceptEncoding;
            start.Environment["BENCHMARK_ETAG"] = question.Conditional ? await ETagAsync(server, question) : "";
            var before = server.ProcessorTime;
            using var wrk = Process.Start(start)!;
            var output = await wrk.StandardOutput.ReadToEndAsync();
            await wrk.WaitForExitAsync();
            if (wrk.ExitCode != 0 || output.Contains("Non-2xx", StringComparison.Ordinal) || output.Contains("Socket errors", StringComparison.Ordinal))
                throw new InvalidOperationException($"{server.Name}, {question.Name}: {output}");
            var requests = long.Parse(Requests().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
            return new Measured(
                double.Parse(Rate().Match(output).Groups[1].Value, CultureInfo.InvariantCulture), Milliseconds(P99().Match(output)), requests,
                (server.ProcessorTime - before).TotalMicroseconds / requests);
        }
        finally
        {
            File.Delete(script);
        }
    }

    /// <summary>Asks for each scope once, on 32 connections.</summary>
    public static async Task OnceEachAsync(Server server, Question question)
    {
        using var http = new HttpClient { BaseAddress = server.Address };
        await Parallel.ForEachAsync(Enumerable.Range(0, question.Scopes), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (scope, _) => await AskOnceAsync(http, question, scope));
    }

    /// <summary>Asks for a path every five milliseconds until something else is over; how long each answer took, in milliseconds, sorted.</summary>
    public static async Task<List<double>> ProbeAsync(HttpClient http, string path, Task until)
    {
        var answers = new List<Task<double>>();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!until.IsCompleted && await timer.WaitForNextTickAsync()) answers.Add(AnswerAsync());
        var times = (await Task.WhenAll(answers)).ToList();
        times.Sort();
        return times;

        async Task<double> AnswerAsync()
        {
            var started = Stopwatch.GetTimestamp();
            using var response = await http.GetAsync(new Uri(path, UriKind.Relative));
            response.EnsureSuccessStatusCode();
            return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }
    }

    /// <summary>One answer, checked to be what is to be measured; its bytes.</summary>
    public static async Task<byte[]> AskOnceAsync(HttpClient http, Question question, int scope, string? etag = null)
    {
        using var request = Request(question, scope);
        if (etag is not null) request.Headers.TryAddWithoutValidation("If-None-Match", etag);
        using var response = await http.SendAsync(request);
        var coding = response.Content.Headers.ContentEncoding.SingleOrDefault() ?? "identity";
        if ((int)response.StatusCode != (etag is null ? 200 : 304) || (etag is null && coding != question.AcceptEncoding))
            throw new InvalidOperationException($"{question.Name} of {http.BaseAddress}: {(int)response.StatusCode}, {coding}.");
        return await response.Content.ReadAsByteArrayAsync();
    }

    private static async Task<string> ETagAsync(Server server, Question question)
    {
        using var http = new HttpClient { BaseAddress = server.Address };
        using var request = Request(question, 0);
        using var response = await http.SendAsync(request);
        var etag = response.Headers.ETag?.ToString() ?? throw new InvalidOperationException($"{server.Name} gives no ETag.");
        await AskOnceAsync(http, question, 0, etag); // gives 304
        return etag;
    }

    private static HttpRequestMessage Request(Question question, int scope)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(question.Path.Replace("{0}", scope.ToString("D5", CultureInfo.InvariantCulture), StringComparison.Ordinal), UriKind.Relative));
        request.Headers.TryAddWithoutValidation("Accept-Encoding", question.AcceptEncoding);
        return request;
    }

    private static double Milliseconds(Match match) =>
        double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * match.Groups[2].Value switch { "us" => 0.001, "ms" => 1, _ => 1000 };

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex Rate();

    [GeneratedRegex(@"99%\s+([\d.]+)(us|ms|s)")]
    private static partial Regex P99();

    [GeneratedRegex(@"(\d+) requests in")]
    private static partial Regex Requests();
}
