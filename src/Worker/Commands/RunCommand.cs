using System.CommandLine;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Commands;

internal static class RunCommand
{
    public static Command Create(CommandContext context)
    {
        var command = new Command("run", "Run the service: publish every change as it happens. The default.");
        command.SetAction((_, token) => RunAsync(context, token));
        return command;
    }

    public static async Task<int> RunAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var worker = WorkerConfiguration.Read(context.Configuration);
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddConfiguration(context.Configuration);
        builder.Logging.AddConfiguration(context.Configuration.GetSection("Logging"));
        LogLines.AddTo(builder.Logging, builder.Configuration);
        // Npgsql tells every statement at Information.
        builder.Logging.AddFilter("Quartz", LogLevel.Warning).AddFilter("Npgsql", LogLevel.Warning);
        // Each of its attempts during an outage of the database, with a stack; the heartbeat says that there is one.
        builder.Logging.AddFilter("Quartz.Impl.AdoJobStore", LogLevel.Error);
        // A start that fails is said once, by the command line.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        builder.AddServiceProcess(worker);
        builder.AddSnapshotService(worker);
        // It outlives the host, whose end it watches.
        using var deadline = new StopDeadline(worker.Worker.ShutdownTimeout, TimeProvider.System);
        builder.Services.AddSingleton<IHostLifetime>(deadline);
        using var host = builder.Build();
        var lifetime = host.Services.GetRequiredService<IHostApplicationLifetime>();
        deadline.Watch(lifetime);
        try
        {
            await host.RunAsync(cancellationToken);
        }
        catch (Exception exception) when (lifetime.ApplicationStopping.IsCancellationRequested
            && (exception is OperationCanceledException || !lifetime.ApplicationStarted.IsCancellationRequested))
        {
            // It was still starting: what was in the middle of that says in its own way that it was cancelled.
        }
        return ExitCodes.Done;
    }
}
