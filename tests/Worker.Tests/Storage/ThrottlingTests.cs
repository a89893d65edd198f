using System.Collections.Concurrent;
using System.Net;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.Time.Testing;

namespace ConsentSnapshots.Worker.Tests.Storage;

/// <summary>A server on this machine that speaks as much of Azure's protocol as a write needs, and says for a while that it is too busy.</summary>
public sealed class ThrottlingTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(503)]
    [InlineData(429)]
    public async Task Write_AccountTooBusyForAWhile_EveryWriteSucceedsInTheEnd(int status)
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        using var server = new BusyServer(time) { Refusals = 60, Status = status };
        var store = server.Store(StoreRetries.Patient(TimeSpan.FromSeconds(15)));

        var writes = Task.WhenAll(Enumerable.Range(0, 50).Select(number =>
            store.WriteAsync(BlobContainer.Public, $"{number}.json", "{}"u8.ToArray(), BlobProperties.ImmutableJson, Cancel)));
        await PassAsync(time, writes, TimeSpan.FromMilliseconds(250));
        await writes;

        Assert.Equal(110, server.Requests.Count);
    }

    [Fact]
    public async Task Write_RetryAfter_NothingIsSentBeforeThat()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        using var server = new BusyServer(time) { Refusals = 1, RetryAfter = "7" };
        var store = server.Store(StoreRetries.Patient(TimeSpan.FromSeconds(15)));

        var first = store.WriteAsync(BlobContainer.Public, "first.json", "{}"u8.ToArray(), BlobProperties.ImmutableJson, Cancel);
        await server.FirstAnswered.WaitAsync(Cancel);
        await PassAsync(time, first, TimeSpan.FromMilliseconds(500));
        await first;

        Assert.Equal(2, server.Requests.Count);
        Assert.InRange(server.Requests.Last() - server.Requests.First(), TimeSpan.FromSeconds(7), TimeSpan.MaxValue);
    }

    [Fact]
    public async Task Write_AccountStaysTooBusy_IsUnavailableAfterThePatience()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        using var server = new BusyServer(time) { Refusals = int.MaxValue };
        var store = server.Store(new StoreRetries(0, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(15)) { ThrottlePatience = TimeSpan.FromMinutes(2) });
        var started = time.GetUtcNow();

        var write = store.WriteAsync(BlobContainer.Public, "a.json", "{}"u8.ToArray(), BlobProperties.ImmutableJson, Cancel);
        await PassAsync(time, write, TimeSpan.FromSeconds(1));

        var exception = await Assert.ThrowsAsync<StoreUnavailableException>(() => write);
        Assert.Contains("503 ServerBusy", exception.Message, StringComparison.Ordinal);
        Assert.InRange(time.GetUtcNow() - started, TimeSpan.FromMinutes(1.5), TimeSpan.FromMinutes(4));
    }

    /// <summary>An edge must not hang on a store: whoever asked it waits.</summary>
    [Fact]
    public async Task Read_WithoutPatience_IsUnavailableAtOnce()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        using var server = new BusyServer(time) { Refusals = int.MaxValue };
        var store = server.Store(new StoreRetries(0, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(15)));

        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadAsync(BlobContainer.Public, "a.json", null, 100, Cancel));

        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task Limit_RefusedTogether_IsHalvedOnceAndGrowsWithEveryAnswer()
    {
        var limit = new RequestLimit(64, new FakeTimeProvider());
        var entered = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => limit.EnterAsync(Cancel)));

        foreach (var one in entered) limit.Leave(one, refused: true);
        Assert.Equal(8, limit.Current);

        for (var answer = 0; answer < 40; answer++) limit.Leave(await limit.EnterAsync(Cancel), refused: false);
        Assert.InRange(limit.Current, 10, 16);
    }

    [Fact]
    public async Task Limit_Full_NextWaitsForAPlaceAndACancelledOneTakesNone()
    {
        var limit = new RequestLimit(1, new FakeTimeProvider());
        var first = await limit.EnterAsync(Cancel);
        using var cancelled = new CancellationTokenSource();
        var second = limit.EnterAsync(cancelled.Token);
        var third = limit.EnterAsync(Cancel);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.False(third.IsCompleted);

        limit.Leave(first, refused: false);

        limit.Leave(await third, refused: false);
    }

    /// <summary>A delay knows whole milliseconds only.</summary>
    [Fact]
    public async Task Limit_PausedForPartOfAMillisecond_WaitsWithoutSpinning()
    {
        var time = new FakeTimeProvider();
        var limit = new RequestLimit(1, time);
        limit.PauseFor(TimeSpan.FromMilliseconds(1.5));
        var entering = limit.EnterAsync(Cancel);

        for (var millisecond = 0; millisecond < 2; millisecond++)
            await Task.Run(() => time.Advance(TimeSpan.FromMilliseconds(1)), Cancel).WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, Cancel);

        limit.Leave(await entering.WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, Cancel), refused: false);
    }

    /// <summary>Lets the clock go on until something is done.</summary>
    private static async Task PassAsync(FakeTimeProvider time, Task until, TimeSpan step)
    {
        while (!until.IsCompleted)
        {
            time.Advance(step);
            // Requests are real, and take their time.
            await Task.WhenAny(until, Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Cancel));
        }
    }

    private sealed class BusyServer : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly TaskCompletionSource _firstAnswered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TimeProvider _time;
        private readonly int _port;
        private int _answered;

        public BusyServer(TimeProvider time)
        {
            _time = time;
            using (var free = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                _port = ((IPEndPoint)free.LocalEndpoint).Port;
            }
            _listener.Prefixes.Add($"http://127.0.0.1:{_port}/");
            _listener.Start();
            _ = ServeAsync();
        }

        /// <summary>How many requests are refused before one is served.</summary>
        public int Refusals { get; init; }

        public int Status { get; init; } = 503;

        public string? RetryAfter { get; init; }

        /// <summary>When each request came, by the test's clock.</summary>
        public ConcurrentQueue<DateTimeOffset> Requests { get; } = new();

        public Task FirstAnswered => _firstAnswered.Task;

        public AzureBlobStore Store(StoreRetries retries) => new(
            new StorageOptions
            {
                Provider = StorageProvider.Azure,
                ConnectionString = $"DefaultEndpointsProtocol=http;AccountName=local;AccountKey={Convert.ToBase64String(new byte[64])};BlobEndpoint=http://127.0.0.1:{_port}/local",
            },
            retries, _time);

        public void Dispose() => _listener.Close();

        private async Task ServeAsync()
        {
            while (_listener.IsListening)
            {
                HttpListenerContext context;
                try
                {
                    context = await _listener.GetContextAsync();
                }
                catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }
                Requests.Enqueue(_time.GetUtcNow());
                var isRefused = Interlocked.Increment(ref _answered) <= Refusals;
                context.Response.StatusCode = isRefused ? Status : 201;
                if (isRefused) context.Response.Headers["x-ms-error-code"] = "ServerBusy";
                if (isRefused && RetryAfter is not null) context.Response.Headers["Retry-After"] = RetryAfter;
                context.Response.Headers["ETag"] = "\"0x1\"";
                context.Response.Headers["Last-Modified"] = "Thu, 01 Jan 1970 00:00:00 GMT";
                await context.Request.InputStream.CopyToAsync(Stream.Null);
                context.Response.Close();
                _firstAnswered.TrySetResult();
            }
        }
    }
}
