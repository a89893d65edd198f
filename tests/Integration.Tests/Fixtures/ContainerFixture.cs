using DotNet.Testcontainers.Containers;

namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>
/// One container for the whole assembly, started by the first test that asks for it, so that a run without such a test needs no
/// Docker. Tests that stop, pause or restart it belong to <see cref="Outages"/>.
/// </summary>
public abstract class ContainerFixture : IAsyncDisposable
{
    private readonly SemaphoreSlim _starting = new(1, 1);
    private IContainer? _container;

    /// <summary>The published port, known once the container was started; it stays the same when the server is restarted.</summary>
    protected int Port { get; private set; }

    /// <summary>Stops the server in order (its sessions end) and starts it again with its data.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken)
    {
        await StopAsync(cancellationToken);
        await StartAsync(cancellationToken);
    }

    /// <summary>Stops the server: connections are refused until <see cref="StartAsync"/>.</summary>
    public async Task StopAsync(CancellationToken cancellationToken) =>
        await (await ContainerAsync(cancellationToken)).StopAsync(cancellationToken);

    /// <summary>Starts the server after <see cref="StopAsync"/>; returns when it answers.</summary>
    public async Task StartAsync(CancellationToken cancellationToken) =>
        await (await ContainerAsync(cancellationToken)).StartAsync(cancellationToken);

    /// <summary>Freezes the server: connections stay open and nothing answers, as when the network swallows packets.</summary>
    public async Task PauseAsync(CancellationToken cancellationToken) =>
        await (await ContainerAsync(cancellationToken)).PauseAsync(cancellationToken);

    /// <summary>Lets the server go on after <see cref="PauseAsync"/>.</summary>
    public async Task UnpauseAsync(CancellationToken cancellationToken) =>
        await (await ContainerAsync(cancellationToken)).UnpauseAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_container is not null)
        {
            try
            {
                await _container.DisposeAsync();
            }
            catch (OperationCanceledException)
            {
                // On a busy machine the daemon takes longer to remove a container than its client waits. It goes on with it, and what is
                // left in the end is removed by eng/teardown-tests.sh.
            }
        }

        _starting.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Describes the container; it is not started.</summary>
    protected abstract IContainer Build();

    /// <summary>The container, started when this is the first call.</summary>
    protected async Task<IContainer> ContainerAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            return _container ??= await StartNewAsync(cancellationToken);
        }
        finally
        {
            _starting.Release();
        }
    }

    private async Task<IContainer> StartNewAsync(CancellationToken cancellationToken)
    {
        const int Attempts = 10;
        for (var attempt = 1; ; attempt++)
        {
            Port = FixedPort.Next();
            var container = Build();
            try
            {
                await container.StartAsync(cancellationToken);
                return container;
            }
            catch (Exception exception)
            {
                await container.DisposeAsync();
                // Between the choice of the port and the start another process was faster.
                if (attempt == Attempts || !IsPortTaken(exception)) throw;
            }
        }
    }

    /// <summary>What the daemon says, of a port of another container and of one of another process.</summary>
    private static bool IsPortTaken(Exception exception) =>
        exception.Message.Contains("port is already allocated", StringComparison.Ordinal) || exception.Message.Contains("address already in use", StringComparison.Ordinal);
}
