using System.Net;
using System.Net.Sockets;
using System.Text;
using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>A whole edge on a port of its own, spoken to over real HTTP.</summary>
internal sealed class TestEdge : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestEdge(WebApplication app)
    {
        _app = app;
        Address = new Uri(app.Urls.First());
        // As it comes over the wire: nothing decompressed, nothing followed.
        Client = new HttpClient(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None, AllowAutoRedirect = false })
        {
            BaseAddress = Address,
        };
    }

    public Uri Address { get; }

    public HttpClient Client { get; }

    public CollectedLog Log => _app.Services.GetRequiredService<CollectedLog>();

    public ScopeMap Scopes => _app.Services.GetRequiredService<ScopeMap>();

    public HeldScopes Held => _app.Services.GetRequiredService<HeldScopes>();

    public MissingScopes Missing => _app.Services.GetRequiredService<MissingScopes>();

    public SharedLoads Loads => _app.Services.GetRequiredService<SharedLoads>();

    public MemoryBudget Memory => _app.Services.GetRequiredService<MemoryBudget>();

    public T Service<T>()
        where T : notnull => _app.Services.GetRequiredService<T>();

    /// <summary>Waits until the edge knows its place in the change log, and what it held before that is being compared.</summary>
    public Task FollowsAsync() => Eventually.TrueAsync(() => Log.Count(5100) == 1, "the place in the change log");

    public static Task<TestEdge> StartAsync(TestStore store, params (string Key, string Value)[] settings) => StartAsync(store, null, settings);

    public static async Task<TestEdge> StartAsync(TestStore store, Action<IServiceCollection>? services, params (string Key, string Value)[] settings)
    {
        // The longest time that a load may be given: a test that holds one back, or a busy machine, must not reach it.
        var app = Build(
            services,
            [
                ("Storage:Provider", "directory"), ("Storage:Directory", store.Root), ("Edge:PollInterval", "00:00:00.020"),
                ("Edge:LoadTimeout", "00:01:00"), ("Edge:NetworkTimeout", "00:01:00"), .. settings,
            ]);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new TestEdge(app);
    }

    public static WebApplication Build(Action<IServiceCollection>? services, params (string Key, string Value)[] settings) =>
        EdgeApp.Build([], builder =>
        {
            builder.Configuration.Sources.Clear();
            builder.Configuration.AddInMemoryCollection(
                settings.Append(("urls", "http://127.0.0.1:0"))
                    .GroupBy(setting => setting.Item1, setting => (string?)setting.Item2)
                    .Select(group => KeyValuePair.Create(group.Key, group.Last())));
            builder.Logging.ClearProviders();
            builder.Logging.SetMinimumLevel(LogLevel.Debug);
            builder.Services.AddSingleton<CollectedLog>();
            builder.Services.AddSingleton<ILoggerProvider>(provider => provider.GetRequiredService<CollectedLog>());
            services?.Invoke(builder.Services);
        });

    public Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Get, path, headers);

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path);
        foreach (var (name, value) in headers) Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        return await Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public async Task<string> GetStringAsync(string path)
    {
        using var response = await GetAsync(path);
        return await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Sends bytes that an HTTP client would refuse to, and returns the status and all that came back.</summary>
    public async Task<(int Status, string Answer)> SendRawAsync(byte[] request)
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var socket = new TcpClient();
        await socket.ConnectAsync(Address.Host, Address.Port, cancellation);
        var stream = socket.GetStream();
        await stream.WriteAsync(request, cancellation);
        using var answer = new MemoryStream();
        await stream.CopyToAsync(answer, cancellation);
        var text = Encoding.Latin1.GetString(answer.ToArray());
        return (int.Parse(text.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture), text);
    }

    public Task<(int Status, string Answer)> SendRawTargetAsync(string target, string method = "GET") =>
        SendRawAsync(Encoding.Latin1.GetBytes($"{method} {target} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"));

    /// <summary>Asks until the answer is as wanted; fails after a deadline, with the last answer.</summary>
    public Task<HttpResponseMessage> GetUntilAsync(string path, Func<HttpResponseMessage, string, bool> wanted) =>
        Eventually.GetAsync(() => GetAsync(path), wanted);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync(TestContext.Current.CancellationToken);
        await _app.DisposeAsync();
    }
}
