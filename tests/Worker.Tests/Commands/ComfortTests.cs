using System.Diagnostics;
using System.Text.Json.Nodes;
using ConsentSnapshots.Tests.Support;
using ConsentSnapshots.Worker.Commands;

namespace ConsentSnapshots.Worker.Tests.Commands;

/// <summary>What makes the commands pleasant for a person and usable for a program.</summary>
public sealed class ComfortTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Suggest_CommandLineSoFar_GivesCommandsOptionsAndValues()
    {
        Assert.Contains("regenerate", await SuggestAsync("consent-snapshots re"));
        Assert.Contains("--all", await SuggestAsync("consent-snapshots regenerate --a"));
        Assert.Equal(["development", "production", "staging"], await SuggestAsync("consent-snapshots preview --env "));
        Assert.Contains("meta-pixel", await SuggestAsync("consent-snapshots types meta"));
        Assert.Equal(["bash", "fish", "zsh"], await SuggestAsync("consent-snapshots completion "));
    }

    /// <summary>In a real shell, with the real executable: what a person who presses Tab gets.</summary>
    [Fact]
    public async Task Bash_WithTheCompletionSourced_CompletesACommand()
    {
        var program = Executable.Describe(Executable.Worker, [], []).FileName;
        var script =
            $$"""
            PATH="{{Path.GetDirectoryName(program)}}:$PATH"
            source <(consent-snapshots completion bash)
            COMP_LINE='consent-snapshots stat' COMP_POINT=22 COMP_WORDS=(consent-snapshots stat) COMP_CWORD=1
            _consent_snapshots
            printf '%s\n' "${COMPREPLY[@]}"
            """;
        using var bash = Process.Start(new ProcessStartInfo("bash", ["-c", script]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, error) = (bash.StandardOutput.ReadToEndAsync(Cancel), bash.StandardError.ReadToEndAsync(Cancel));
        await bash.WaitForExitAsync(Cancel);

        Assert.Equal(("status", ""), ((await output).Trim(), await error));
    }

    [Fact]
    public async Task PrintConfig_Json_HasEachSettingWithoutSecrets()
    {
        var (exitCode, output, _) = await RunAsync("--print-config", "--json", "--Encryption:Keys:0=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "--Source:File=/dev/null", "--Storage:Directory=/tmp/store");

        Assert.Equal(0, exitCode);
        var settings = JsonNode.Parse(output)!.AsArray();
        Assert.Equal("/tmp/store", (string)settings.Single(setting => (string)setting!["setting"]! == "Storage:Directory")!["value"]!);
        Assert.Equal("Edges", (string)settings.Single(setting => (string)setting!["variable"]! == "Edges")!["setting"]!);
        Assert.DoesNotContain("00010203", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Edges_NotAnAddress_IsRefusedWithItsName()
    {
        var (exitCode, _, error) = await RunAsync("--print-config", "--Edges:0=edge.example", "--Source:File=/dev/null", "--Storage:Directory=/tmp/store");

        Assert.Equal(2, exitCode);
        Assert.Contains("Edges:0 must be an absolute http or https address", error, StringComparison.Ordinal);
    }

    /// <summary>The exporter would end the command with a stack, or send nothing without a word.</summary>
    [Theory]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "must be an absolute http or https address")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS", "CANARY", "must be NAME=VALUE")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "CANARY", "must be an absolute http or https address")]
    public async Task Telemetry_SetWrongly_IsRefusedWithItsName(string name, string value, string rule)
    {
        var outcome = await Executable.RunAsync(
            Executable.Worker, ["status"], [KeyValuePair.Create(name, (string?)value), KeyValuePair.Create("Source__File", (string?)"/dev/null"), KeyValuePair.Create("Storage__Directory", (string?)"/tmp/store")], Cancel);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains($"{name} {rule}", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("CANARY", outcome.Everything, StringComparison.Ordinal);
    }

    private static async Task<string[]> SuggestAsync(string line)
    {
        var (exitCode, output, error) = await RunAsync($"[suggest:{line.Length}]", line);
        Assert.True(exitCode == 0, error);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(word => !line.EndsWith(' ') || word[0] is not ('-' or '/')).Order(StringComparer.Ordinal)];
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] words)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await new CommandLine(output, error).InvokeAsync(words);
        return (exitCode, output.ToString(), error.ToString());
    }
}
