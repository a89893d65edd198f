using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Scripts;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Tests.Publishing;
using ConsentSnapshots.Worker.Tests.Support;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConsentSnapshots.Worker.Tests.Scheduling;

/// <summary>A fault of ours concerns the destination or the scope in which it happens, is said without a setting's value, and stops nothing else.</summary>
public sealed class FaultyDestinationTests : IDisposable
{
    private const string Secret = "CANARY-in-an-exception";
    private static readonly OrganizationId s_acme = OrganizationId.Parse("acme");
    private static readonly Scope s_production = new(s_acme, DeploymentEnvironment.Production);

    private readonly string _path = Directory.CreateTempSubdirectory("consent-snapshots-faulty-").FullName;
    private readonly DirectoryBlobStore _blobs;
    private readonly ScopeStore _store;
    private readonly RowsSource _source = new();
    private readonly RecordingQueue _queue = new();
    private readonly Recorder _log = new();
    private readonly ScopeBuilder _builder;

    public FaultyDestinationTests()
    {
        _blobs = new DirectoryBlobStore(_path, TimeProvider.System);
        _store = new ScopeStore(_blobs);
        var catalogue = new DestinationCatalogue([.. DestinationCatalogue.BuiltIn.Types, new FaultyType(), new FaultyTogetherType()]);
        _builder = new ScopeBuilder(_source, new SettingsKeyRing(new EncryptionOptions()), new SnapshotGenerator(catalogue), _store,
            new Publisher(_store, catalogue, new GeneratorBuild("test"), ScopeLimits.Default, TimeProvider.System));
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Build_TypeThatThrows_PublishesTheOthersAndLogsTheFaultWithoutAValue()
    {
        _source.Rows[s_production] = [PublicationWorld.MetaPixel("10000111"), Row("faulty")];
        var runner = new BuildRunner(_source, _queue, _builder, new ScheduleOptions(), TimeProvider.System, new Logger<BuildRunner>(_log));

        var outcome = await runner.RunAsync(RecordingQueue.Claim(s_production), verify: false, Cancel);

        Assert.IsType<BuildOutcome.Published>(outcome);
        Assert.Equal("faulty", Assert.Single(outcome.Problems!).Type);
        Assert.Contains("10000111", await ScriptsAsync(), StringComparison.Ordinal);
        var line = Assert.Single(_log.Lines, line => line.StartsWith("4021 Error ", StringComparison.Ordinal));
        Assert.Contains("acme/production is published without destination 00000000-0000-4000-8000-000000000001 of type faulty: This build failed", line, StringComparison.Ordinal);
        Assert.Contains("FormatException in ", line, StringComparison.Ordinal);
        Assert.DoesNotContain(_log.Lines, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Build_DestinationTakenBackBesideOneThatThrows_IsPublished()
    {
        var taken = PublicationWorld.MetaPixel("10000111");
        _source.Rows[s_production] = [taken, PublicationWorld.MetaPixel("10000222")];
        var runner = new BuildRunner(_source, _queue, _builder, new ScheduleOptions(), TimeProvider.System, NullLogger<BuildRunner>.Instance);
        var claim = RecordingQueue.Claim(s_production);
        await runner.RunAsync(claim, verify: false, Cancel);

        _source.Rows[s_production] = [taken with { Enabled = false }, PublicationWorld.MetaPixel("10000222"), Row("faulty")];
        var outcome = await runner.RunAsync(claim, verify: false, Cancel);

        Assert.Equal(2, outcome.Current!.Version);
        Assert.DoesNotContain("10000111", await ScriptsAsync(), StringComparison.Ordinal);
        Assert.Contains("10000222", await ScriptsAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Build_SourceThatThrowsAnythingWhenTheFailureIsRecorded_EndsQuietly()
    {
        _source.Unreadable = s_production;
        _queue.FailsToRecord = new EncoderFallbackException("It cannot be recorded.");
        var runner = new BuildRunner(_source, _queue, _builder, new ScheduleOptions(), TimeProvider.System, new Logger<BuildRunner>(_log));

        Assert.IsType<BuildOutcome.Failed>(await runner.RunAsync(RecordingQueue.Claim(s_production), verify: false, Cancel));

        Assert.Contains(_log.Lines, line => line.StartsWith("4006 ", StringComparison.Ordinal) || line.StartsWith("4005 ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Reconcile_ScopeThatCannotBeReadOrGenerated_IsMadePendingAndTheOthersAreCompared()
    {
        var staging = s_production with { Environment = DeploymentEnvironment.Staging };
        _source.Rows[s_production] = [Row("faulty together"), Row("faulty together") with { Id = Guid.NewGuid() }];
        _source.Unreadable = staging;
        var last = new Scope(OrganizationId.Parse("globex"), DeploymentEnvironment.Production);
        _source.Rows[last] = [PublicationWorld.MetaPixel("10000111")];
        var runner = new BuildRunner(_source, _queue, _builder, new ScheduleOptions(), TimeProvider.System, NullLogger<BuildRunner>.Instance);
        foreach (var scope in (await _source.ListScopesAsync(Cancel)).Where(scope => scope != s_production && scope != staging && scope != last))
            await runner.RunAsync(RecordingQueue.Claim(scope), verify: false, Cancel);

        var different = await new Reconciler(_source, _queue, _builder, _store, new Logger<Reconciler>(_log)).ReconcileAsync(Cancel);

        Assert.Equal([staging, s_production, last], different);
        Assert.Equal(different, _queue.Enqueued);
        Assert.Equal(2, _log.Lines.Count(line => line.StartsWith("4020 Error ", StringComparison.Ordinal)));
        Assert.DoesNotContain(_log.Lines, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Reconcile_ManifestOfANewerFormat_StopsNoOtherScope()
    {
        _source.Rows[s_production] = [PublicationWorld.MetaPixel("10000111")];
        Directory.CreateDirectory(Path.Combine(_path, "private", "current", "other"));
        await File.WriteAllTextAsync(Path.Combine(_path, "private", BlobNames.Current(new Scope(OrganizationId.Parse("other"), DeploymentEnvironment.Production))), NewerManifest(), Cancel);

        var different = await new Reconciler(_source, _queue, _builder, _store, NullLogger<Reconciler>.Instance).ReconcileAsync(Cancel);

        Assert.Contains(s_production, different);
        Assert.DoesNotContain(different, scope => scope.Organization.Value == "other");
    }

    public void Dispose()
    {
        _blobs.Dispose();
        Directory.Delete(_path, recursive: true);
    }

    private static Destination Row(string type) => new() { Id = Guid.Parse("00000000-0000-4000-8000-000000000001"), Type = type, Settings = JsonElement.Parse("{}") };

    private async Task<string> ScriptsAsync()
    {
        var manifest = (await _store.ReadCurrentAsync(s_production, Cancel)).Manifest!;
        Assert.True(SnapshotHash.TryParse(manifest[ConsentSet.Everything].Snapshot, out var hash));
        return Encoding.UTF8.GetString((await _store.ReadSnapshotAsync(s_production, hash, Cancel))!);
    }

    private static string NewerManifest()
    {
        var combinations = string.Join(',', Enumerable.Repeat("""{"snapshot":"00000000000000000000000000000000","since":{"version":1,"at":"2026-03-01T10:00:00.000Z"}}""", ConsentSet.Count));
        return $$$"""
            {"schema":{{{Manifest.Schema + 1}}},"organization":"other","environment":"production","version":1,"generatedAt":"2026-03-01T10:00:00.000Z","publicationId":"00000000-0000-0000-0000-000000000001",
             "generator":"newer","sourceEpoch":1,"sourceRevision":1,"requiredCategories":[],"categories":[],"combinations":[{{{combinations}}}],"snapshots":{}}
            """;
    }

    private sealed class FaultyType : DestinationType
    {
        public override string Name => "faulty";

        public override string Title => "Faulty";

        public override ConsentCategory DefaultCategory => ConsentCategory.Necessary;

        public override Uri Homepage { get; } = new("https://faulty.example/");

        public override SettingsExamples Examples { get; } = new("{}", "{}");

        public override ImmutableArray<SettingField> Fields => [];

        protected override void Compose(ScriptComposer scripts) => throw new FormatException(Secret);
    }

    private sealed class FaultyTogetherType : DestinationType
    {
        public override string Name => "faulty together";

        public override string Title => "Faulty together";

        public override ConsentCategory DefaultCategory => ConsentCategory.Necessary;

        public override Uri Homepage { get; } = new("https://faulty.example/");

        public override SettingsExamples Examples { get; } = new("{}", "{}");

        public override ImmutableArray<SettingField> Fields => [];

        public override SharedBootstrap? Bootstrap { get; } = new FaultyBootstrap();

        protected override void Compose(ScriptComposer scripts)
        {
        }
    }

    private sealed class FaultyBootstrap : SharedBootstrap
    {
        public override string Id => "faulty-bootstrap";

        public override InlineScript PageScript { get; } = new("1");

        protected override void Compose(ScriptComposer scripts, IReadOnlyList<BootstrapUser> users)
        {
            if (users.Count > 1) throw new FormatException(Secret);
        }
    }

    private sealed class Recorder : ILoggerFactory, ILogger
    {
        public List<string> Lines { get; } = [];

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add($"{eventId.Id} {logLevel} {formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }

    /// <summary>Rows by scope, of the organizations acme, globex and initech; one scope may be unreadable.</summary>
    private sealed class RowsSource : IDestinationSource
    {
        public Dictionary<Scope, IReadOnlyList<Destination>> Rows { get; } = [];

        public Scope? Unreadable { get; set; }

        public string Description => "rows";

        public Task<SourceFindings> CheckAsync(CancellationToken cancellationToken) => Task.FromResult(SourceFindings.None);

        public Task<IReadOnlyList<OrganizationId>> ListOrganizationsAsync(CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<OrganizationId>>([.. new[] { "acme", "globex", "initech" }.Select(OrganizationId.Parse)]);

        public async IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<Scope> scopes, ReadPurpose purpose, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.CompletedTask;
            foreach (var scope in scopes)
            {
                var rows = Rows.GetValueOrDefault(scope, []);
                yield return scope == Unreadable
                    ? new ScopeRead.Unreadable(scope, "It cannot be read.")
                    : new ScopeRead.Found(new ScopeRows(scope, rows, new SourcePosition(1, 1 + rows.Count), SourceClock.Of(TimeProvider.System)));
            }
        }
    }
}
