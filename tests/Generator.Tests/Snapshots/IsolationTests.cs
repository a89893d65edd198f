using System.Collections.Immutable;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Destinations.Types;
using ConsentSnapshots.Generator.Scripts;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Snapshots;

/// <summary>Whatever is thrown for one destination is that destination's problem: it is left out and named, and the others are what they would be without it.</summary>
public sealed class IsolationTests
{
    private const string Secret = "CANARY-in-an-exception";

    /// <summary>Every place in which a type's code runs.</summary>
    public static TheoryData<string> Places => ["fields", "check", "compose", "config", "adjust", "url", "url of a policy", "bootstrap"];

    [Theory]
    [MemberData(nameof(Places))]
    public void Generate_TypeThatThrows_IsLeftOutAndNamedAndTheOthersStay(string place)
    {
        var generator = new SnapshotGenerator(new DestinationCatalogue([new FaultyType(place), new MetaPixelType(), new CustomScriptType()]));
        OpenedDestination[] others = [Samples.Least("meta-pixel", 1), Samples.Least("script", 4, "necessary"), Samples.Least("meta-pixel", 5)];
        var faulty = Samples.Row("faulty", "{}", 2);

        var generated = generator.Generate(Samples.Scope, [.. others, faulty, Samples.Row("faulty", "{}", 3)]);

        var without = generator.Generate(Samples.Scope, others);
        Assert.Equal(without.Combinations, generated.Combinations);
        Assert.Equal(without.Snapshots.Select(snapshot => snapshot.Hash), generated.Snapshots.Select(snapshot => snapshot.Hash));
        Assert.Equal(without.Owners.Keys, generated.Owners.Keys);
        Assert.Equal(["faulty 2", "faulty 3"], generated.Problems.Select(problem => problem.Name));
        var problem = generated.Problems[0];
        Assert.Equal(("GenerationFailed", faulty.Row.Id, null), (problem.Kind.ToString(), problem.DestinationId, problem.Field));
        Assert.Contains("The destination is left out.", problem.Message, StringComparison.Ordinal);
        Assert.Contains("Exception in ", problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Generate_DestinationsOnWhichTypeThrows_ArePutBetweenTheOtherProblemsInTheirOrder()
    {
        var generator = new SnapshotGenerator(new DestinationCatalogue([new FaultyType("compose"), new CustomScriptType()]));

        var generated = generator.Generate(Samples.Scope,
            [Samples.Row("script", "{}", 1), Samples.Row("faulty", "{}", 2), Samples.Row("script", "{}", 3), Samples.Row("faulty", "{}", 4), Samples.Least("script", 5)]);

        Assert.Equal(["script 1", "faulty 2", "script 3", "faulty 4"], generated.Problems.Select(problem => problem.Name));
        Assert.Equal(["script"], generated.Ids(ConsentSet.Everything));
    }

    [Fact]
    public void Generate_FailureOfAllTogetherAndOfNoneAlone_IsTheScopesAndTellsNoValue()
    {
        var generator = new SnapshotGenerator(new DestinationCatalogue([new FaultyType("bootstrap of two")]));

        var exception = Assert.Throws<GenerationException>(() => generator.Generate(Samples.Scope, [Samples.Row("faulty", "{}", 1), Samples.Row("faulty", "{}", 2)]));

        Assert.DoesNotContain(Secret, exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Generate_RowsWithTheSameId_AreLeftOutAndNamedAndTheOthersStay()
    {
        var twin = Samples.Least("script", 2, "necessary");
        OpenedDestination[] rows = [Samples.Least("meta-pixel", 1), twin, twin.With(row => row with { Name = "twin" }), twin.With(row => row with { Enabled = false, Name = "off" })];

        var generated = Samples.Generate(rows);

        Assert.Equal(["script 2", "twin"], generated.Problems.Select(problem => problem.Name).Order(StringComparer.Ordinal));
        Assert.All(generated.Problems, problem => Assert.Equal(("UnusableRow", "id"), (problem.Kind.ToString(), problem.Field)));
        Assert.Equal(["consent-snapshots", "meta-pixel"], generated.Ids(ConsentSet.Everything));
        Assert.Empty(generated.ConsentViolations(rows));
    }

    [Fact]
    public void Generate_RowThatTheSourceCouldNotRead_IsNamedWhateverItsTypeAndOffIsNoProblem()
    {
        var row = Samples.Row("", "{}", 1);
        var problem = new DestinationProblem(row.Row.Id, "", "", DestinationProblemKind.UnusableRow, "type", "The database cannot read the row's 'type'.");
        var unread = row.With(read => read with { Problem = problem });

        Assert.Equal([problem], Samples.Generate(unread, Samples.Least("script", 2)).Problems);
        Assert.Empty(Samples.Generate(unread.With(read => read with { Enabled = false })).Problems);
    }

    /// <summary>A type with two scripts that throws in one place, each time with a text in the exception that must not be told.</summary>
    private sealed class FaultyType(string place) : DestinationType
    {
        public override string Name => "faulty";

        public override string Title => "Faulty";

        public override ConsentCategory DefaultCategory => ConsentCategory.Necessary;

        public override Uri Homepage { get; } = new("https://faulty.example/");

        public override SettingsExamples Examples { get; } = new("{}", "{}");

        public override InlineScript PageScript { get; } = new("1");

        public override ImmutableArray<SettingField> Fields => place == "fields" ? throw new FormatException(Secret) : [];

        public override SharedBootstrap? Bootstrap { get; } = place.StartsWith("bootstrap", StringComparison.Ordinal) ? new FaultyBootstrap(place == "bootstrap" ? 1 : 2) : null;

        protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
        {
            if (place == "check") throw new InvalidOperationException(Secret);
        }

        protected internal override void Compose(ScriptComposer scripts)
        {
            scripts.OwnInline("1");
            if (place == "compose") throw new KeyNotFoundException(Secret);
            scripts.Start(config: config => { if (place == "config") throw new JsonException(Secret); config.WriteBoolean("faulty", true); });
            scripts.Load(PageUrl.Of("https://faulty.example/a.js"), script => place == "adjust" ? throw new OverflowException(Secret) : script);
            if (place == "url") scripts.Load(PageUrl.Of("https://faulty..example/"));
            // Which the constructor takes, and which throws when its host is first asked for.
            if (place == "url of a policy") scripts.Load(PageUrl.Of("https://xn--\u00AD/"));
        }
    }

    private sealed class FaultyBootstrap(int users) : SharedBootstrap
    {
        public override string Id => "faulty-bootstrap";

        public override InlineScript PageScript { get; } = new("2");

        protected internal override void Compose(ScriptComposer scripts, IReadOnlyList<BootstrapUser> given)
        {
            if (given.Count >= users) throw new ArgumentOutOfRangeException(nameof(given), Secret);
        }
    }
}
