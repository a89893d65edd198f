namespace ConsentSnapshots.Storage;

/// <summary>Spreads times, so that edges and scopes that began together do not ask the store together.</summary>
public static class Jitter
{
    /// <summary>A time between 80 % and 120 % of the given one.</summary>
    public static TimeSpan Around(TimeSpan span) => span * (0.8 + Random.Shared.NextDouble() * 0.4);

    /// <summary>A time between zero and the given one.</summary>
    public static TimeSpan Within(TimeSpan span) => span * Random.Shared.NextDouble();

    /// <summary>The pause before the next attempt: doubles from <paramref name="first"/> to at most <paramref name="most"/>, then spread.</summary>
    public static TimeSpan Backoff(int failures, TimeSpan first, TimeSpan most)
    {
        var doubled = first * Math.Pow(2, Math.Clamp(failures - 1, 0, 20));
        return Around(doubled < most ? doubled : most);
    }
}
