namespace ConsentSnapshots.Torture.Tests.Faults;

/// <summary>A fault that a run can make. It returns when the fault is over.</summary>
/// <param name="Name">How it is counted and printed.</param>
/// <param name="Weight">How often it is in the deck.</param>
/// <param name="MakeAsync">Makes it; false where there was nothing to make it of, and it does not count.</param>
internal sealed record Fault(string Name, int Weight, Func<CancellationToken, Task<bool>> MakeAsync);

/// <summary>Makes faults one after another. Each is made as often as its weight says before any is made again, in an order that the seed decides.</summary>
internal sealed class FaultDeck(IReadOnlyList<Fault> faults, TimeSpan longestPause, Random random, Ledger ledger)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var deck = new Queue<Fault>();
        while (!cancellationToken.IsCancellationRequested)
        {
            if (deck.Count == 0)
            {
                var cards = faults.SelectMany(fault => Enumerable.Repeat(fault, fault.Weight)).ToArray();
                random.Shuffle(cards);
                foreach (var card in cards) deck.Enqueue(card);
            }
            var fault = deck.Dequeue();
            try
            {
                await Task.Delay(longestPause * random.NextDouble(), TimeProvider.System, cancellationToken);
                ledger.Say(fault.Name);
                if (await fault.MakeAsync(cancellationToken)) ledger.Count($"fault: {fault.Name}");
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // One fault may stand in another's way: a trigger cannot be dropped while Postgres is down.
                ledger.Say($"{fault.Name} was not possible: {exception.Message.Split('\n')[0]}");
                ledger.Count("faults that another fault prevented");
            }
        }
    }
}
