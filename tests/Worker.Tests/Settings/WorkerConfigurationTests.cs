using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.Worker.Tests.Settings;

public sealed class WorkerConfigurationTests
{
    private static IConfiguration Settings(params (string Key, string? Value)[] settings) => new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value))).Build();

    [Fact]
    public void Read_EverythingWrong_ListsEverything()
    {
        var exception = Assert.Throws<InvalidConfigurationException>(() => WorkerConfiguration.Read(Settings(
            ("Source:Provider", "mysql"), ("Source:WatchInterval", "soon"), ("Storage:Provider", "azure"), ("Storage:Container", "UPPER"),
            ("Storage:PrivateContainer", "the-same"), ("Storage:HistoryContainer", "the-same"), ("Storage:Timeout", "1.00:00:00"), ("Limits:Destinations", "1001"), ("Encryption:Keys:0", "short"), ("Schedule:Drain", "every minute"), ("Schedule:Parallelism", "many"),
            ("Schedule:Paralelism", "2"))));

        Assert.Equal(
            [
                "Source:Provider must be file or postgres; it is 'mysql'.",
                "Source:WatchInterval must be a duration (hh:mm:ss.fff) from 00:00:00.01 to 00:10:00; it is 'soon'.",
                "Source:File must name a file when Source:Provider is file; it is empty.",
                "Storage:Timeout must be a duration (hh:mm:ss.fff) from 00:00:00.1 to 00:05:00; it is '1.00:00:00'.",
                "Storage:ConnectionString or Storage:ServiceUri, exactly one of them, must be set while Storage:Provider is azure; neither is.",
                "Storage:Container must be 3 to 63 of a-z, 0-9 and single hyphens between them; it is 'UPPER'.",
                "Storage:PrivateContainer and Storage:HistoryContainer must differ; both are 'the-same'.",
                "Limits:Destinations must be a whole number from 1 to 1000; it is '1001'.",
                "Encryption:Keys:0 must be 64 hexadecimal digits; it has 5 characters, not all of them hexadecimal digits.",
                "Schedule:Drain must be a Quartz cron expression (seconds first) that fires again; it is 'every minute'.",
                "Schedule:Parallelism must be a whole number from 1 to 256; it is 'many'.",
                "Schedule:Paralelism is not a setting; there are Schedule:Drain, Schedule:MaxRetryDelay, Schedule:Parallelism, Schedule:Reconcile.",
            ],
            exception.Problems);
    }

    [Fact]
    public void Read_PostgresWithBadConnection_NeverRepeatsThePassword()
    {
        var exception = Assert.Throws<InvalidConfigurationException>(() => WorkerConfiguration.Read(Settings(
            ("Source:Provider", "postgres"), ("ConnectionStrings:Postgres", "Host=h;Password=hunter2;Nonsense=1"), ("Database:DestinationsTable", "a.b.c"),
            ("Storage:Directory", "/tmp/x"))));
        Assert.Equal(2, exception.Problems.Count);
        Assert.DoesNotContain("hunter2", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Storage:ConnectionString", "garbage-with-a-secret", "Storage:ConnectionString must be an Azure Storage connection string")]
    [InlineData("Storage:ServiceUri", "http://account.blob.core.windows.net", "Storage:ServiceUri must be an https address")]
    [InlineData("Schedule:Reconcile", "0 0 0 30 2 ?", "Schedule:Reconcile must be a Quartz cron expression (seconds first) that fires again")]
    [InlineData("Encryption:Keys", "00", "Encryption:Keys is a list: set Encryption:Keys:0")]
    public void Read_ValueThatWouldFailLater_IsFoundAtOnce(string key, string value, string message)
    {
        var settings = new List<(string, string?)> { ("Storage:Provider", "azure"), ("Source:File", typeof(WorkerConfigurationTests).Assembly.Location), (key, value) };
        if (!key.StartsWith("Storage", StringComparison.Ordinal)) settings.Add(("Storage:ConnectionString", "UseDevelopmentStorage=true"));
        var exception = Assert.Throws<InvalidConfigurationException>(() => WorkerConfiguration.Read(Settings([.. settings])));
        Assert.StartsWith(message, Assert.Single(exception.Problems), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_PartsNotAskedFor_AreNotChecked() =>
        Assert.NotNull(WorkerConfiguration.Read(Settings(), ConfigurationParts.Encryption));

    [Theory]
    [InlineData("", "Encryption:Keys:0 must be 64 hexadecimal digits; it has 0 characters.")]
    [InlineData("xyz", "Encryption:Keys:0 must be 64 hexadecimal digits; it has 3 characters, not all of them hexadecimal digits.")]
    public void Read_BadKey_SaysItsShapeOnly(string key, string message) => Assert.Equal(
        [message], Assert.Throws<InvalidConfigurationException>(() => WorkerConfiguration.Read(Settings(("Encryption:Keys:0", key)), ConfigurationParts.Encryption)).Problems);

    /// <summary>A misspelt name would leave the default in place without a word.</summary>
    [Theory]
    [InlineData("Source:Fille")]
    [InlineData("Storage:Contaner")]
    [InlineData("Limits:Destination")]
    [InlineData("Encryption:Key")]
    [InlineData("Schedule:Drains")]
    [InlineData("Worker:Urls")]
    [InlineData("Database:Schema")]
    public void Read_NameThatIsNoSetting_IsRefusedWithThoseThatThereAre(string key)
    {
        var exception = Assert.Throws<InvalidConfigurationException>(() => WorkerConfiguration.Read(Settings(
            ("Source:Provider", "postgres"), ("ConnectionStrings:Postgres", "Host=db"), ("Storage:Directory", "/nowhere"), (key, "x"))));

        Assert.StartsWith($"{key} is not a setting; there are {key.Split(':')[0]}:", Assert.Single(exception.Problems), StringComparison.Ordinal);
    }

    /// <summary>Compose files and charts set a variable to nothing where they mean its default.</summary>
    [Fact]
    public void Read_BlankSetting_IsTheDefault() =>
        Assert.Equal("http://127.0.0.1:9464", WorkerConfiguration.Read(Settings(("Worker:Url", " ")), ConfigurationParts.Worker).Worker.Url);

    [Theory]
    [InlineData("http://127.0.0.1:9464")]
    [InlineData("http://*:9464")]
    [InlineData("http://+:9464/")]
    [InlineData("http://[::1]:9464")]
    [InlineData("off")]
    public void Read_WorkerUrl_IsTaken(string url) => Assert.Equal(url, WorkerConfiguration.Read(Settings(("Worker:Url", url)), ConfigurationParts.Worker).Worker.Url);

    [Theory]
    [InlineData("Worker:Url", "9464", "it is '9464'")]
    [InlineData("Worker:Url", "https://127.0.0.1:9464", "it is 'https://127.0.0.1:9464/'")]
    [InlineData("Worker:Url", "http://127.0.0.1:9464/metrics", "it is 'http://127.0.0.1:9464/metrics'")]
    [InlineData("Worker:Url", "http://user:hunter2@127.0.0.1:9464", "it is 'http://127.0.0.1:9464/'")]
    [InlineData("Worker:Url", "http://127.0.0.1:9464;http://127.0.0.1:9465", "it is ")]
    [InlineData("Worker:ShutdownTimeout", "00:00:00.5", "Worker:ShutdownTimeout must be a duration (hh:mm:ss.fff) from 00:00:01 to 00:10:00; it is '00:00:00.5'.")]
    [InlineData("Worker:ShutdownTimeout", "soon", "Worker:ShutdownTimeout must be a duration (hh:mm:ss.fff) from 00:00:01 to 00:10:00; it is 'soon'.")]
    public void Read_WorkerSettingsThatCannotBe_AreRefused(string key, string value, string says)
    {
        var exception = Assert.Throws<InvalidConfigurationException>(() => WorkerConfiguration.Read(Settings((key, value)), ConfigurationParts.Worker));

        Assert.Contains(says, Assert.Single(exception.Problems), StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", exception.Message, StringComparison.Ordinal);
    }
}
