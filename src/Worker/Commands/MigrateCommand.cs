using System.CommandLine;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.Worker.Commands;

internal static class MigrateCommand
{
    public static Command Create(CommandContext context)
    {
        var withDestinations = new Option<bool>("--with-destinations") { Description = "Create the destinations table where there is none. An existing one is never altered." };
        var newEpoch = new Option<bool>("--new-epoch") { Description = "After the database was restored: what is published counts as older than what is there now." };
        var json = CommandContext.JsonOption();
        var command = new Command("migrate", "Bring our schema in Postgres up to date; safe to repeat.") { withDestinations, newEpoch, json };
        command.SetAction(async (parsed, token) =>
        {
            var worker = WorkerConfiguration.Read(context.Configuration, ConfigurationParts.Source);
            if (worker.Source.Provider != SourceProvider.Postgres)
                throw new UsageException("There is nothing to migrate: Source:Provider is file. Set it to postgres.");
            await using var services = CommandContext.Services(worker);
            MigrationResult result;
            try
            {
                result = await services.GetRequiredService<DatabaseMigrator>().MigrateAsync(
                    new MigrationRequest { WithDestinations = parsed.GetValue(withDestinations), NewEpoch = parsed.GetValue(newEpoch) }, token);
            }
            catch (MigrationException exception)
            {
                await context.WriteErrorAsync(exception.Message);
                return ExitCodes.Failed;
            }
            if (parsed.GetValue(json))
            {
                await context.WriteJsonAsync(output =>
                {
                    output.Writer.WriteStartObject();
                    output.Writer.WriteStartArray("applied");
                    foreach (var step in result.Applied) output.Writer.WriteStringValue(step);
                    output.Writer.WriteEndArray();
                    output.Writer.WriteEndObject();
                    return Task.CompletedTask;
                });
                return ExitCodes.Done;
            }
            foreach (var step in result.Applied) await context.WriteLineAsync($"applied: {step}");
            await context.WriteLineAsync(result.Applied.IsEmpty ? "The database is up to date; nothing was applied." : $"{result.Applied.Length} step(s) applied.");
            return ExitCodes.Done;
        });
        return command;
    }
}
