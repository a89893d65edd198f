using System.Diagnostics;
using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Benchmarks;

/// <summary>
/// Scopes a second of processor time, one warm thread: what <c>compare.sh</c> sets against the npm package. Processor time, because on a busy
/// machine the clock on the wall mostly counts the others. One line a measurement: name, scopes a second, bytes allocated a scope, tab-separated.
/// </summary>
internal static class Throughput
{
    private const int Pool = 2048;

    // The median of so many equal parts is what counts, so that a neighbour's burst does not.
    private const int Slices = 5;

    public static int Run(int seconds, string? only)
    {
        var generator = new SnapshotGenerator(DestinationCatalogue.BuiltIn);
        var scopes = Enumerable.Range(0, Pool).Select(SixDestinations.Rows).ToArray();
        var manifest = Manifests.First(generator.Generate(SixDestinations.Scope, scopes[0]));
        Snapshot[] snapshots = [.. manifest.Snapshots.Values.Select(entry => new Snapshot(manifest.Content.SnapshotBytes(entry.List)))];
        var none = new HashSet<Guid>();
        void Measure(string name, int seconds, Func<int, int> once)
        {
            if (only is null || only == name) Report(name, seconds, once);
        }
        Measure("generate", seconds, number => generator.Generate(SixDestinations.Scope, scopes[number % Pool]).Content.Lists.Length);
        Measure("parse-and-generate", seconds, number => generator.Generate(SixDestinations.Scope, SixDestinations.Rows(number % Pool)).Content.Lists.Length);
        // What the first publication of a scope needs besides: every snapshot's bytes, each in an array of its own.
        Measure("generate-and-bytes", seconds, number =>
        {
            var length = 0;
            var content = generator.Generate(SixDestinations.Scope, scopes[number % Pool]).Content;
            foreach (var list in content.Lists) length += content.SnapshotBytes(list).Length;
            return length;
        });
        // What an unchanged scope costs: nothing is put together.
        Measure("generate-and-fingerprint", seconds, number => generator.Generate(SixDestinations.Scope, scopes[number % Pool]).Content.Fingerprint.Length);
        // Only before a publication.
        Measure("prove", Math.Min(seconds, 2), _ => ConsentProof.Violations(manifest.Content, scopes[0], none, DestinationCatalogue.BuiltIn).Length);
        // What an edge does with a manifest that it has read.
        Measure("read-and-check", Math.Min(seconds, 2), _ => Manifest.Parse(manifest.Bytes.ToArray()).FindFault()?.Length ?? 0);
        // Alone, to see its share.
        Measure("hash-names", Math.Min(seconds, 2), _ =>
        {
            var count = 0;
            foreach (var snapshot in snapshots) count += SnapshotHash.Of(snapshot.Bytes.Span).GetHashCode() & 1;
            return count;
        });
        // Only where a manifest is made of it; not part of generating.
        Measure("hash-sha256", Math.Min(seconds, 2), _ =>
        {
            Span<byte> digest = stackalloc byte[32];
            foreach (var snapshot in snapshots) System.Security.Cryptography.SHA256.HashData(snapshot.Bytes.Span, digest);
            return digest[0];
        });
        return 0;
    }

    private static void Report(string name, int seconds, Func<int, int> once)
    {
        var sum = 0;
        // Warm: past tiered compilation, which swaps code in after 30 calls and a moment of quiet.
        for (var (warm, number) = (Stopwatch.StartNew(), 0); warm.Elapsed < TimeSpan.FromSeconds(2) || number < 5_000; number++) sum += once(number);
        var rates = new double[Slices];
        var (allocated, total) = (GC.GetAllocatedBytesForCurrentThread(), 0);
        for (var slice = 0; slice < Slices; slice++)
        {
            GC.Collect();
            var started = Environment.CpuUsage.TotalTime;
            var count = 0;
            for (; count % 64 != 0 || Environment.CpuUsage.TotalTime - started < TimeSpan.FromSeconds((double)seconds / Slices); count++) sum += once(count);
            rates[slice] = count / (Environment.CpuUsage.TotalTime - started).TotalSeconds;
            total += count;
        }
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        Array.Sort(rates);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}\t{rates[Slices / 2]:F0}\t{allocated / total}"));
        GC.KeepAlive(sum);
    }
}
