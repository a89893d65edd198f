using CsCheck;

namespace ConsentSnapshots.Worker.Tests.Publishing;

/// <summary>
/// Three workers, two of whom may die, on one scope: whatever happens in whatever order, no manifest names a snapshot that is missing or torn, nothing goes back, and once nothing is
/// due any more, what is published is what the rows say. Every worker is a real publisher, and every call it makes to the store is a place at which it may sleep, die or be overtaken.
/// </summary>
public sealed class PublicationOrderModelTests
{
    /// <summary>An edit has five steps, one after the other: look, prepare, commit, make current, tell.</summary>
    [Fact]
    public void Publish_OneEdit_TakesFiveStepsOneAfterTheOther() => Assert.Equal(5, new InterleavedWorld().CountStepsOfAnEdit());

    [Fact]
    public void Publish_AnyInterleaving_NothingIsTornNothingGoesBackAndTheNewestIsPublished() =>
        Stories.Sample(story => Play(story, fences: true), iter: 3000, threads: 1, print: story => $"{string.Join(", ", story.Before)} | {string.Join(", ", story.After)}");

    /// <summary>The check itself is checked: without the fence a worker that slept through an edit and its undo commits the edit, and nobody notices.</summary>
    [Fact]
    public void Publish_AnyInterleavingWithoutFences_ACounterexampleIsFound()
    {
        var found = false;
        Stories.Sample(story => { found = found || !Play(story, fences: false); }, iter: 20_000, threads: 1);
        Assert.True(found);
    }

    /// <summary>
    /// Every pair of places for two workers to fall asleep at, on an edit and on what comes after it (nothing, its undo, another edit), until a third one has built; then the first wakes,
    /// goes on for some calls and dies.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Publish_TwoSleepersAtEveryPairOfPlaces_OnlyWithFencesIsTheNewestPublished(bool fences)
    {
        var wrong = 0;
        foreach (var next in (int[])[0, 1, 2])
            foreach (var first in Enumerable.Range(0, 14))
                foreach (var second in Enumerable.Range(-1, 15))
                    foreach (var more in (int[])[0, 1, 2, 30])
                    {
                        Event[] before =
                        [
                            new(Happening.Edit, 0, 1), new(Happening.Claim, 0, 0), .. Enumerable.Repeat(new Event(Happening.Step, 0, 0), first),
                            .. next == 1 ? [] : (Event[])[new(Happening.Edit, 0, next)],
                            .. second < 0 ? [] : (Event[])[new(Happening.Claim, 1, 0), .. Enumerable.Repeat(new Event(Happening.Step, 1, 0), second)],
                        ];
                        Event[] after = [.. Enumerable.Repeat(new Event(Happening.Step, 0, 0), more), new(Happening.Kill, 0, first), new(Happening.Kill, 1, Math.Max(second, 0))];
                        if (!Play((before, after), fences)) wrong++;
                    }
        Assert.Equal(fences, wrong == 0);
    }

    /// <summary>
    /// Found by the check above. The third worker slept and lost its claim; the first took over, made the version current and died before the list; the second has the claim and fails.
    /// The third then finds nothing to change, and must not count as having completed anything.
    /// </summary>
    [Fact]
    public void Publish_UnchangedByAWorkerThatLostItsClaim_TheListIsWrittenAllTheSame() => Assert.True(Play(
        (
            [
                new(Happening.Edit, 0, 1), new(Happening.Claim, 2, 0), new(Happening.Claim, 0, 0), new(Happening.StepsToCommit, 0, 0), new(Happening.Step, 0, 0), new(Happening.Step, 0, 0),
                new(Happening.Claim, 1, 0), new(Happening.StepsToEnd, 2, 0), new(Happening.Kill, 0, 0),
            ],
            [new(Happening.NoAnswer, 1, 1)]),
        fences: true));

    private static readonly Gen<Event> AnyEvent = Gen.Select(
        Gen.Frequency(
            (3, Gen.Const(Happening.Edit)), (5, Gen.Const(Happening.Claim)), (3, Gen.Const(Happening.Step)), (3, Gen.Const(Happening.Steps)), (3, Gen.Const(Happening.StepsToCommit)),
            (2, Gen.Const(Happening.StepsToEnd)), (1, Gen.Const(Happening.NoAnswer)), (2, Gen.Const(Happening.Kill)), (1, Gen.Const(Happening.Arrive))),
        Gen.Int[0, 2], Gen.Int[0, 11], (happening, worker, argument) => new Event(happening, worker, argument));

    /// <summary>What happens before the last build of what is due, and what those who sleep then do after it.</summary>
    private static readonly Gen<(Event[] Before, Event[] After)> Stories =
        Gen.Select(AnyEvent.Array[1, 20], AnyEvent.Where(next => next.Happening is not (Happening.Edit or Happening.Claim)).Array[0, 8]);

    /// <summary>Plays a story; whether the newest rows are published in the end. What must hold at every instant is asserted on the way.</summary>
    private static bool Play((Event[] Before, Event[] After) story, bool fences)
    {
        var world = new InterleavedWorld(fences);
        foreach (var next in story.Before) world.Happen(next);
        world.BuildWhatIsDue();
        foreach (var next in story.After) world.Happen(next);
        world.BuildWhatIsDue();
        return world.IsNewestPublished();
    }
}
