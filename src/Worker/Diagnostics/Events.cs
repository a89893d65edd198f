namespace ConsentSnapshots.Worker.Diagnostics;

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
    // 2102 and 2103 were UncountedChangesFolded and UncountedChangesBlocked; every change is noted in the same way now.
    public const int ChangesTakenIn = 2104;
    public const int EnvironmentUnknown = 2105;
    public const int HeartbeatExpired = 2106;
    public const int HeartbeatFailed = 2107;
    public const int TimesMended = 2108;
    public const int HeartbeatGoesOn = 2109;
    public const int TriggersWrong = 2110;
    public const int TriggersMended = 2111;
    public const int TriggersRight = 2112;
    public const int TriggersNotLookedAt = 2113;
    public const int TablesChanged = 2114;
    public const int ClaimsRecovered = 2115;
    public const int QueueNotMeasured = 2120;

    // 2200 was SettingsUnreadable; such settings are a problem of the destination now.
    public const int OrganizationRefused = 2201;

    public const int ListenerConnected = 2300;
    public const int ListenerDisconnected = 2301;
    public const int ListenerRetrying = 2302;

    public const int DatabaseWaitedFor = 2400;

    #endregion

    #region 3000-3999 Sources

    public const int FileRead = 3001;
    public const int FileNotRead = 3002;
    public const int DestinationLeftOut = 3003;

    #endregion

    #region 4000-4999 Scheduling and publishing

    public const int Started = 4000;
    public const int Built = 4001;
    public const int Held = 4002;
    public const int ConsentViolation = 4003;
    public const int BuildFailed = 4004;
    public const int OutcomeNotRecorded = 4005;
    public const int DrainFailed = 4006;
    public const int NotGivenBack = 4007;
    // 4008 was NotRenewed; claims live as long as the worker's heartbeat does.
    public const int ReadFailed = 4009;
    public const int Reconciled = 4010;
    public const int ReconcileFailed = 4011;
    public const int ScopeNotCompared = 4020;
    public const int GenerationFailed = 4021;
    public const int DrainGoesOn = 4022;
    public const int StoreCompared = 4030;
    public const int StoreLost = 4031;
    public const int StoreAhead = 4032;
    public const int StoreNotCompared = 4033;

    public const int WaitingToStart = 4100;
    public const int GoesOnStarting = 4101;
    public const int HealthServed = 4110;
    public const int HealthNotServed = 4111;

    #endregion
}
