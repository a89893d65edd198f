using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.EdgeApi.Diagnostics;

/// <summary>Everything the edge logs. What each event means and what to do: docs/events.md.</summary>
internal static partial class EdgeLog
{
    // 50xx: the process
    [LoggerMessage(Events.Started, LogLevel.Information, "Edge started: {Mode} mode, store {Store}, polling every {PollInterval}.")]
    public static partial void Started(ILogger logger, string mode, string store, TimeSpan pollInterval);

    [LoggerMessage(Events.Limited, LogLevel.Information, "This edge answers for {Count} scopes only (Edge:Scopes); all others get 404.")]
    public static partial void Limited(ILogger logger, int count);

    [LoggerMessage(Events.MetricsServed, LogLevel.Information, "Metrics are served on {Url}.")]
    public static partial void MetricsServed(ILogger logger, string url);

    // 51xx: the change log
    [LoggerMessage(Events.FollowerPositioned, LogLevel.Information, "Following the change log from segment {Segment}, offset {Offset}.")]
    public static partial void FollowerPositioned(ILogger logger, int segment, long offset);

    [LoggerMessage(Events.FollowerLost, LogLevel.Warning, "The change log cannot be read; held scopes keep being served and it is tried again. {Reason}")]
    public static partial void FollowerLost(ILogger logger, string reason);

    [LoggerMessage(Events.FollowerRecovered, LogLevel.Information, "The change log can be read again after {Outage}.")]
    public static partial void FollowerRecovered(ILogger logger, TimeSpan outage);

    [LoggerMessage(Events.FollowerReset, LogLevel.Warning,
        "The change log is not the one that was followed (segment {Segment}, offset {Offset}); it is sought anew and every held scope compared.")]
    public static partial void FollowerReset(ILogger logger, int segment, long offset);

    [LoggerMessage(Events.RecordsUnreadable, LogLevel.Warning, "{Count} records of the change log cannot be read; every held scope is compared instead.")]
    public static partial void RecordsUnreadable(ILogger logger, int count);

    [LoggerMessage(Events.FollowerFault, LogLevel.Error, "The follower met something it does not know and goes on.")]
    public static partial void FollowerFault(ILogger logger, Exception exception);

    // 52xx: scopes
    [LoggerMessage(Events.ScopeApplied, LogLevel.Debug, "{Scope} is served at version {Version}.")]
    public static partial void ScopeApplied(ILogger logger, Scope scope, int version);

    [LoggerMessage(Events.ScopeCorrupt, LogLevel.Warning, "{Scope} cannot be read whole; {Served}. {Reason}")]
    public static partial void ScopeCorrupt(ILogger logger, Scope scope, string served, string reason);

    [LoggerMessage(Events.ScopeMended, LogLevel.Information, "{Scope} is whole again, at version {Version}.")]
    public static partial void ScopeMended(ILogger logger, Scope scope, int version);

    [LoggerMessage(Events.ScopeDropped, LogLevel.Information, "{Scope} is gone from the store and no longer served.")]
    public static partial void ScopeDropped(ILogger logger, Scope scope);

    [LoggerMessage(Events.ScopeMissingOnce, LogLevel.Warning, "{Scope} is gone from the store without a change record; it is served until a second look agrees.")]
    public static partial void ScopeMissingOnce(ILogger logger, Scope scope);

    [LoggerMessage(Events.ScopeFromDisk, LogLevel.Information, "{Scope} is served from the last good state on disk, version {Version}, until the store answers.")]
    public static partial void ScopeFromDisk(ILogger logger, Scope scope, int version);

    [LoggerMessage(Events.ScopeFault, LogLevel.Error, "Reading {Scope} met something it does not know.")]
    public static partial void ScopeFault(ILogger logger, Exception exception, Scope scope);

    [LoggerMessage(Events.LoaderNotFound, LogLevel.Information, "The loader that {Scope} names is not at hand; its tags.js has the loader of this build until it is.")]
    public static partial void LoaderNotFound(ILogger logger, Scope scope);

    [LoggerMessage(Events.LoaderFault, LogLevel.Error, "Looking for a published loader met something it does not know; what is held is served.")]
    public static partial void LoaderFault(ILogger logger, Exception exception);

    // 53xx: the store
    [LoggerMessage(Events.StoreDown, LogLevel.Warning, "The store does not answer; scopes that are not held are answered from disk or 503. {Reason}")]
    public static partial void StoreDown(ILogger logger, string reason);

    [LoggerMessage(Events.StoreUp, LogLevel.Information, "The store answers again.")]
    public static partial void StoreUp(ILogger logger);

    // 54xx: the disk
    [LoggerMessage(Events.DiskWriteFailed, LogLevel.Warning, "The last good state cannot be written to disk; serving goes on without. {Reason}")]
    public static partial void DiskWriteFailed(ILogger logger, string reason);

    [LoggerMessage(Events.DiskEntryDamaged, LogLevel.Warning, "A last good state on disk is damaged and was removed: {Reason}.")]
    public static partial void DiskEntryDamaged(ILogger logger, string reason);

    [LoggerMessage(Events.DiskOpened, LogLevel.Information, "{Count} last good states on disk, {Bytes} bytes.")]
    public static partial void DiskOpened(ILogger logger, int count, long bytes);

    [LoggerMessage(Events.DiskWriteRecovered, LogLevel.Information, "The last good state can be written to disk again.")]
    public static partial void DiskWriteRecovered(ILogger logger);

    [LoggerMessage(Events.DiskUnusable, LogLevel.Warning, "Edge:CacheDirectory {Path} cannot be used ({Reason}): copies that can be read are used, and none is written until that is possible.")]
    public static partial void DiskUnusable(ILogger logger, string path, string reason);

    // 55xx: preloading
    [LoggerMessage(Events.Preloaded, LogLevel.Information, "Preloading is done: {Held} scopes are held, {Others} of those wanted do not exist or are not whole.")]
    public static partial void Preloaded(ILogger logger, int held, int others);

    [LoggerMessage(Events.PreloadWaits, LogLevel.Warning, "Preloading waits for the store, and is tried again. {Reason}")]
    public static partial void PreloadWaits(ILogger logger, string reason);

    [LoggerMessage(Events.PreloadFull, LogLevel.Warning, "Preloading stops after {Held} scopes, because Edge:MemoryBytes leaves no room for more; the others are loaded when they are asked for.")]
    public static partial void PreloadFull(ILogger logger, int held);

    [LoggerMessage(Events.PreloadFault, LogLevel.Error, "Preloading met something it does not know, and is tried again.")]
    public static partial void PreloadFault(ILogger logger, Exception exception);
}
