using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace ConsentSnapshots.EdgeApi.Tests.Diagnostics;

public sealed class LogLinesTests
{
    [Fact]
    public void Write_HostileMessageAndSecretInAnException_IsOneLineWithoutThem()
    {
        using var written = new StringWriter();
        var exception = new InvalidOperationException("https://a.example/?sig=CANARY\nand Host=h;Password=CANARY");
        var entry = new LogEntry<string>(LogLevel.Warning, "Category", new EventId(7), "name \u001b[2J\u001b]0;x\u0007\nfail: forged", exception, (state, _) => state);

        new LogLines().Write(entry, null, written);

        var line = written.ToString();
        Assert.Equal(1, line.Count(character => character == '\n'));
        Assert.DoesNotContain(line.TrimEnd(), char.IsControl);
        Assert.Contains(@" warn: Category[7] name \u001b[2J\u001b]0;x\u0007 fail: forged System.InvalidOperationException: https://a.example/?sig=***", line, StringComparison.Ordinal);
        Assert.DoesNotContain("CANARY", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, LogLines.FormatterName)]
    [InlineData("json", "json")]
    public async Task Build_ConsoleFormat_IsOursUnlessChosen(string? configured, string expected)
    {
        using var store = new TestStore();
        await using var app = EdgeApp.Build([], builder => builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Storage:Provider"] = "directory",
            ["Storage:Directory"] = store.Root,
            ["Logging:Console:FormatterName"] = configured,
        }));

        Assert.Equal(expected, app.Services.GetRequiredService<IOptionsMonitor<ConsoleLoggerOptions>>().CurrentValue.FormatterName);
        Assert.Contains(app.Services.GetServices<ConsoleFormatter>(), formatter => formatter is LogLines);
    }
}
