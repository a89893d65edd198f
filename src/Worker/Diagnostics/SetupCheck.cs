namespace ConsentSnapshots.Worker.Diagnostics;

/// <summary>How one thing of a set-up was found.</summary>
internal enum FindingLevel
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>It was not looked at, because something before it is wrong or nothing is configured.</summary>
    Skipped,

    /// <summary>It works, and somebody should look at it.</summary>
    Warning,

    /// <summary>It does not work.</summary>
    Failed,
}

/// <summary>One thing that was looked at.</summary>
/// <param name="Level">How it was found.</param>
/// <param name="What">What was found, as a sentence. Never a secret.</param>
/// <param name="Fix">What to do, where the sentence does not say it.</param>
internal sealed record Finding(FindingLevel Level, string What, string? Fix = null);

/// <summary>Collects what one area's check finds, in order.</summary>
/// <param name="isExplained">Whether a check before this one has failed, which is then why a server cannot be used.</param>
internal sealed class Findings(bool isExplained = false)
{
    /// <summary>Whether a check before this one has failed. A server that cannot be used is then that one's finding.</summary>
    public bool IsExplained { get; } = isExplained;

    private readonly List<Finding> _all = [];

    /// <summary>What was found so far.</summary>
    public IReadOnlyList<Finding> All => _all;

    public void Ok(string what) => _all.Add(new Finding(FindingLevel.Ok, what));

    public void Skip(string what) => _all.Add(new Finding(FindingLevel.Skipped, what));

    public void Warn(string what, string? fix = null) => _all.Add(new Finding(FindingLevel.Warning, what, fix));

    public void Fail(string what, string? fix = null) => _all.Add(new Finding(FindingLevel.Failed, what, fix));
}

/// <summary>Looks at one area of a set-up for <c>doctor</c>. It tries what the worker does, and leaves nothing behind.</summary>
internal interface ISetupCheck
{
    /// <summary>The area, as a heading.</summary>
    string Area { get; }

    /// <summary>Looks. What is wrong is a finding and not an exception.</summary>
    Task CheckAsync(Findings findings, CancellationToken cancellationToken);
}
