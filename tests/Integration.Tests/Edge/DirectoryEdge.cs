using ConsentSnapshots.EdgeApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.Edge;

/// <summary>An edge over a directory, on a port of its own, that reads no settings of the machine.</summary>
internal static class DirectoryEdge
{
    public static async Task<WebApplication> StartAsync(string store, CancellationToken cancellationToken)
    {
        var edge = EdgeApp.Build([], builder =>
        {
            builder.Configuration.Sources.Clear();
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["Storage:Provider"] = "directory",
                ["Storage:Directory"] = store,
                ["urls"] = "http://127.0.0.1:0",
                ["Edge:LoadTimeout"] = "00:01:00",
            });
            builder.Logging.ClearProviders();
        });
        await edge.StartAsync(cancellationToken);
        return edge;
    }

    /// <summary>Copies a store, for an edge that does not follow what is published in the first one.</summary>
    public static void CopyStore(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
