using System.Collections.Concurrent;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// Which claims this process knows that it has. A connection can break after the database has claimed a scope and before the answer arrives, or while an outcome is being recorded. The
/// database then has a claim that nobody works on, and the worker lives, so its heartbeat would keep that claim for ever. Whenever a call failed so, the claims that are not in hand
/// are given back before the next one is taken.
/// </summary>
internal sealed class ClaimsInHand
{
    private readonly ConcurrentDictionary<Guid, bool> _tokens = new();
    private volatile bool _hasLost;

    /// <summary>Whether the database may have claims of this process that are not in hand.</summary>
    public bool HasLost => _hasLost;

    /// <summary>The claims in hand.</summary>
    public Guid[] Tokens => [.. _tokens.Keys];

    /// <summary>A claim was taken.</summary>
    public void Take(Guid token) => _tokens[token] = true;

    /// <summary>Some claims may have been taken without an answer, and these that were answered are in nobody's hand any more.</summary>
    public void Lose(IEnumerable<Guid> tokens)
    {
        foreach (var token in tokens) _tokens.TryRemove(token, out _);
        _hasLost = true;
    }

    /// <summary>Everything that was lost has been given back.</summary>
    public void Recovered() => _hasLost = false;

    /// <summary>Records what became of a claim, which is in hand no more however that ends.</summary>
    public async Task GiveBackAsync(Guid token, Func<Task> record)
    {
        try
        {
            await record();
        }
        catch
        {
            Lose([token]);
            throw;
        }
        Drop(token);
    }

    /// <summary>A claim was given back.</summary>
    public void Drop(Guid token) => _tokens.TryRemove(token, out _);
}
