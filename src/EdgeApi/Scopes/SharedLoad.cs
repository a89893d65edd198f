using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>One look at the store for one scope, which all who ask for the scope meanwhile share.</summary>
internal sealed class SharedLoad
{
    private readonly TaskCompletionSource<ScopeLookup> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private bool _repeat;
    private bool _announced;
    private bool _ended;

    /// <summary>What those who wait for it are answered with.</summary>
    public Task<ScopeLookup> Result => _result.Task;

    /// <summary>Answers those who wait. Only the first answer counts.</summary>
    public void Answer(ScopeLookup lookup) => _result.TrySetResult(lookup);

    /// <summary>Remembers the scope as missing, unless a change was announced after the look began.</summary>
    public void AnswerMissing(MissingScopes missing, Scope scope)
    {
        lock (_lock)
        {
            if (!_repeat) missing.Add(scope);
        }
        Answer(ScopeLookup.Unknown);
    }

    /// <summary>Asks for another look after this one; false where this one has ended.</summary>
    public bool TryRepeat(bool announced)
    {
        lock (_lock)
        {
            if (_ended) return false;
            _announced |= announced;
            return _repeat = true;
        }
    }

    /// <summary>Ends the look; true where another one was asked for.</summary>
    public bool End(out bool announced)
    {
        lock (_lock)
        {
            _ended = true;
            announced = _announced;
            return _repeat;
        }
    }
}
