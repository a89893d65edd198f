using ConsentSnapshots.EdgeApi.Diagnostics;

namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>
/// Gives the bodies of answers. One that is held costs two reads of memory; another one is made, and held as long as the budget allows it. Most sites see a handful of the sixteen
/// consent sets in one or two codings, so bodies are made when they are asked for.
/// </summary>
internal sealed class BodyCache
{
    private readonly MemoryBudget _budget;
    private readonly WorkThreads _threads;

    public BodyCache(MemoryBudget budget, WorkThreads threads, EdgeMetrics metrics)
    {
        (_budget, _threads) = (budget, threads);
        metrics.ObserveMemory(() => budget.Bytes);
    }

    /// <summary>The body of an answer in a coding.</summary>
    public ValueTask<EncodedBody> GetAsync(Answer answer, ContentCoding coding, CancellationToken cancellationToken)
    {
        if (answer.Find(coding) is not { } body) return new ValueTask<EncodedBody>(_threads.RunAsync(() => Make(answer, coding)).WaitAsync(cancellationToken));
        body.Use();
        return new ValueTask<EncodedBody>(body);
    }

    private EncodedBody Make(Answer answer, ContentCoding coding)
    {
        // Somebody else may have made it while this was waiting for its turn.
        if (answer.Find(coding) is { } already) return already;
        var body = answer.Make(coding);
        var held = answer.Hold(body);
        if (ReferenceEquals(held, body)) _budget.TryCountBody(body);
        return held;
    }
}
