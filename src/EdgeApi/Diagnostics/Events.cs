namespace ConsentSnapshots.EdgeApi.Diagnostics;

/// <summary>
/// The ids of every log event: a public contract, because operators alert on them. The ids 5000 to 5999 are the edge's, and each area has its own hundred; an id is never given to another event,
/// not even after its own has gone. docs/events.md says what each means.
/// </summary>
internal static class Events
{
    #region 5000-5099 The process

    public const int Started = 5000;
    public const int Limited = 5001;
    public const int MetricsServed = 5002;

    #endregion

    #region 5100-5199 The change log

    public const int FollowerPositioned = 5100;
    public const int FollowerLost = 5101;
    public const int FollowerRecovered = 5102;
    public const int FollowerReset = 5103;
    public const int RecordsUnreadable = 5104;
    public const int FollowerFault = 5105;

    #endregion

    #region 5200-5299 Scopes

    public const int ScopeApplied = 5200;
    public const int ScopeCorrupt = 5201;
    public const int ScopeMended = 5202;
    public const int ScopeDropped = 5203;
    public const int ScopeMissingOnce = 5204;
    public const int ScopeFromDisk = 5205;
    public const int ScopeFault = 5206;
    public const int LoaderNotFound = 5207;
    public const int LoaderFault = 5208;

    #endregion

    #region 5300-5399 The store

    public const int StoreDown = 5300;
    public const int StoreUp = 5301;

    #endregion

    #region 5400-5499 The disk

    public const int DiskWriteFailed = 5400;
    public const int DiskEntryDamaged = 5401;
    public const int DiskOpened = 5402;
    public const int DiskWriteRecovered = 5403;
    public const int DiskUnusable = 5404;

    #endregion

    #region 5500-5599 Preloading

    public const int Preloaded = 5500;
    public const int PreloadWaits = 5501;
    public const int PreloadFull = 5502;
    public const int PreloadFault = 5503;

    #endregion
}
