using System.CommandLine;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>The exit codes, a contract with scripts.</summary>
public static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>It failed; what it said on standard error says why.</summary>
    public const int Failed = 1;

    /// <summary>The command or the configuration cannot be used as given; nothing was touched.</summary>
    public const int Usage = 2;

    /// <summary>A difference was found where none should be.</summary>
    public const int Difference = 3;
}

/// <summary>What a command says is wrong with how it was called.</summary>
public sealed class UsageException(string message) : Exception(message);

/// <summary>
/// The executable's commands. Settings come from environment variables (<c>Storage__Directory</c>), <c>appsettings.json</c>, and
/// arguments in the form <c>--Storage:Directory=PATH</c>, which win.
/// </summary>
public sealed class CommandLine
{
    private readonly TextWriter _output;
    private readonly TextWriter _error;
    private readonly int? _width;

    /// <summary>Writes results to one writer and what is wrong to the other.</summary>
    public CommandLine(TextWriter output, TextWriter error)
        : this(output, error, width: null)
    {
    }

    /// <summary>The same, with an output that is taken for a terminal of this width.</summary>
    internal CommandLine(TextWriter output, TextWriter error, int? width)
    {
        _output = output;
        _error = error;
        _width = width;
    }

    /// <summary>Runs the command that the arguments name; its exit code.</summary>
    public async Task<int> InvokeAsync(string[] args)
    {
        // A colon makes an argument a setting; everything else is the command's.
        var settings = args.Where(IsSetting).ToArray();
        var words = args.Where(argument => !IsSetting(argument)).ToArray();
        var configuration = new ConfigurationBuilder()
            .AddJsonFile(Path.Combine(Environment.CurrentDirectory, "appsettings.json"), optional: true)
            .AddEnvironmentVariables()
            .AddCommandLine(settings)
            .Build();
        var root = new RootCommand("Precomputes the scripts of every organization, environment and consent set, and publishes them.");
        var context = new CommandContext(configuration, _output, _error, _width);
        var run = RunCommand.Create(context);
        root.Add(run);
        root.Add(MigrateCommand.Create(context));
        root.Add(RegenerateCommand.Create(context));
        root.Add(PreviewCommand.Create(context));
        root.Add(StatusCommand.Create(context));
        root.Add(ExplainCommand.Create(context));
        root.Add(DoctorCommand.Create(context));
        root.Add(TypesCommand.Create(context));
        root.Add(EncryptCommand.Create(context));
        root.Add(HealthCommand.Create(context));
        root.Add(CompletionCommand.Create(context));
        var printConfig = new Option<bool>("--print-config") { Description = "Show every setting that is in force and where it is set, without secrets, and check them." };
        root.Add(printConfig);
        var json = CommandContext.JsonOption();
        json.Description = "With --print-config, write JSON for a program.";
        root.Add(json);
        root.SetAction((result, token) => result.GetValue(printConfig) ? PrintConfigurationAsync(context, configuration, result.GetValue(json)) : RunCommand.RunAsync(context, token));
        if (settings.FirstOrDefault(setting => !setting.Contains('=', StringComparison.Ordinal)) is { } incomplete)
        {
            // Its value is a word of the command line now, and may be a secret.
            await context.WriteErrorAsync($"{incomplete} is a setting without a value. Write {incomplete}=VALUE, in one argument.");
            return ExitCodes.Usage;
        }
        var parsed = root.Parse(words);
        if (parsed.Errors.Count > 0)
        {
            foreach (var problem in parsed.Errors) await context.WriteErrorAsync(problem.Message);
            await context.WriteErrorAsync("Run with --help to see the commands and their options.");
            return ExitCodes.Usage;
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                Output = _output,
                Error = _error,
                // The service has its own way to stop, which a handler that waits for the command's end would hold up.
                ProcessTerminationTimeout = parsed.CommandResult.Command == run || parsed.CommandResult.Command == root ? null : TimeSpan.FromSeconds(60),
            });
        }
        catch (Exception exception) when (exception is InvalidConfigurationException or UsageException)
        {
            await context.WriteErrorAsync(exception.Message);
            return ExitCodes.Usage;
        }
        catch (Exception exception) when (exception is SourceUnavailableException or StoreUnavailableException
            or ConsentViolationException or ScopeUnreadableException or GenerationException or ManifestException)
        {
            await context.WriteErrorAsync(exception.Message);
            return ExitCodes.Failed;
        }
        catch (OperationCanceledException)
        {
            await context.WriteErrorAsync("Cancelled.");
            return ExitCodes.Failed;
        }
        catch (Exception exception)
        {
            // Not foreseen, so where it happened matters as much as what.
            await context.WriteErrorAsync($"Failed unexpectedly: {exception}");
            return ExitCodes.Failed;
        }
    }

    private async Task<int> PrintConfigurationAsync(CommandContext context, IConfiguration configuration, bool json)
    {
        var settings = WorkerConfiguration.Describe(configuration);
        if (json) await context.WriteJsonAsync(SettingTable.ToJson(settings));
        else await SettingTable.WriteAsync(_output, settings);
        // What is wrong is said after what there is, by the exception.
        WorkerConfiguration.Read(configuration);
        return ExitCodes.Done;
    }

    private static bool IsSetting(string argument) =>
        argument.StartsWith("--", StringComparison.Ordinal) && argument.Split('=', 2)[0].Contains(':', StringComparison.Ordinal);
}
