using ConsentSnapshots.EdgeApi.Diagnostics;

namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>
/// Gives the bodies of answers. One that is held costs two reads of memory; another one is made, and held as long as the budget allows it. Most sites see a handful of the sixteen
/// consent sets in one or two codings, so bodies are made when they are asked for.
/// </summary>
internal sealed class BodyCache : IDisposable
{
    private readonly MemoryBudget _budget;

    // Making a body is work for a processor. Those who ask for bodies that are held must find one that is free.
    private readonly SemaphoreSlim _turns = new(Math.Max(1, Environment.ProcessorCount / 2));

    public BodyCache(MemoryBudget budget, EdgeMetrics metrics)
    {
        _budget = budget;
        metrics.ObserveMemory(() => budget.Bytes);
    }

    /// <summary>The body of an answer in a coding.</summary>
    public ValueTask<EncodedBody> GetAsync(Answer answer, ContentCoding coding, CancellationToken cancellationToken)
    {
        if (answer.Find(coding) is not { } body) return MakeAsync(answer, coding, cancellationToken);
        body.Use();
        return new ValueTask<EncodedBody>(body);
    }

    public void Dispose() => _turns.Dispose();

    private async ValueTask<EncodedBody> MakeAsync(Answer answer, ContentCoding coding, CancellationToken cancellationToken)
    {
        await _turns.WaitAsync(cancellationToken);
        try
        {
            // Somebody else may have made it meanwhile.
            if (answer.Find(coding) is { } already) return already;
            var body = answer.Make(coding);
            var held = answer.Hold(body);
            if (ReferenceEquals(held, body)) _budget.TryCountBody(body);
            return held;
        }
        finally
        {
            _turns.Release();
        }
    }
}
