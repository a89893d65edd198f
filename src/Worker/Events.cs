namespace ConsentSnapshots.Worker;

/// <summary>
/// The ids of every log event: a public contract, because operators alert on them. Each area has its own thousand; an id is never
/// given to another event, not even after its own has gone.
/// </summary>
internal static class Events
{
    #region 2000-2999 Database

    public const int MigrationApplied = 2000;
    public const int MigrationNothingToDo = 2001;
    public const int MigrationForeignTriggers = 2002;

    public const int ScopeRefused = 2100;
    public const int ClaimLost = 2101;
    public const int UncountedChangesFolded = 2102;
    public const int UncountedChangesBlocked = 2103;

    public const int SettingsUnreadable = 2200;
    public const int OrganizationRefused = 2201;

    public const int ListenerConnected = 2300;
    public const int ListenerDisconnected = 2301;
    public const int ListenerRetrying = 2302;

    #endregion
}
