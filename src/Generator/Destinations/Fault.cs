using System.Diagnostics;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>What may be told of an exception that our own code has thrown on somebody's data.</summary>
internal static class Fault
{
    /// <summary>The exception's type, and the innermost method of ours that it came through.</summary>
    public static string Of(Exception exception)
    {
        var place = new StackTrace(exception).GetFrames()
            .Select(DiagnosticMethodInfo.Create)
            .FirstOrDefault(method => method?.DeclaringAssemblyName?.StartsWith("System.", StringComparison.Ordinal) == false);
        return place is null ? exception.GetType().Name : $"{exception.GetType().Name} in {place.DeclaringTypeName?.Split('.')[^1]}.{place.Name}";
    }
}
