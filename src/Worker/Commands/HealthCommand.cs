using System.CommandLine;
using ConsentSnapshots.Worker.Settings;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Asks the service that runs with the same settings whether it is well. For a container's health check.</summary>
internal static class HealthCommand
{
    public static Command Create(CommandContext context)
    {
        var ready = new Option<bool>("--ready") { Description = "Ask whether it can publish, rather than whether it is alive." };
        var command = new Command("health", "Ask the running service whether it is well. For a container's health check.") { ready };
        command.SetAction((parsed, token) => RunAsync(context, parsed.GetValue(ready), token));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, bool ready, CancellationToken cancellationToken)
    {
        var worker = WorkerConfiguration.Read(context.Configuration, ConfigurationParts.Worker).Worker;
        if (worker.ListenUrl is null) throw new UsageException("Worker:Url is off, so the service answers no such question. Set it to an address, such as http://127.0.0.1:9464.");
        return await context.AskHealthAsync(worker.Url, ready, cancellationToken);
    }
}
