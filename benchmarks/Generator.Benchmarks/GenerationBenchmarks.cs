using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Benchmarks;

/// <summary>All sixteen combinations of a scope with six destinations: time and allocation.</summary>
[MemoryDiagnoser]
public class GenerationBenchmarks
{
    private readonly SnapshotGenerator _generator = new(DestinationCatalogue.BuiltIn);
    private readonly OpenedDestination[] _rows = SixDestinations.Rows(1);

    [Benchmark]
    public GeneratedScope Generate() => _generator.Generate(SixDestinations.Scope, _rows);

    /// <summary>With every snapshot's bytes, as its first publication needs them.</summary>
    [Benchmark]
    public int GenerateAndBytes()
    {
        var length = 0;
        var content = _generator.Generate(SixDestinations.Scope, _rows).Content;
        foreach (var list in content.Lists) length += content.SnapshotBytes(list).Length;
        return length;
    }
}

/// <summary>The two hashes of all snapshots of that scope, which are made when a manifest is made of it.</summary>
[MemoryDiagnoser]
public class HashingBenchmarks
{
    private readonly Snapshot[] _snapshots = All(Manifests.First(new SnapshotGenerator(DestinationCatalogue.BuiltIn).Generate(SixDestinations.Scope, SixDestinations.Rows(1))));
    private readonly byte[] _digest = new byte[32];

    [Benchmark]
    public int XxHash128()
    {
        var sum = 0;
        foreach (var snapshot in _snapshots) sum += SnapshotHash.Of(snapshot.Bytes.Span).GetHashCode();
        return sum;
    }

    private static Snapshot[] All(Manifest manifest) => [.. manifest.Snapshots.Values.Select(entry => new Snapshot(manifest.Content.SnapshotBytes(entry.List)))];

    [Benchmark]
    public int Sha256()
    {
        foreach (var snapshot in _snapshots) SHA256.HashData(snapshot.Bytes.Span, _digest);
        return _digest[0];
    }
}

/// <summary>The three forms of the consent query.</summary>
[MemoryDiagnoser]
public class ConsentQueryBenchmarks
{
    private readonly string _object = "{\"functionality\":true,\"experience\":false,\"measurement\":true,\"marketing\":true}";
    private readonly string _list = "functionality,measurement,marketing";
    private readonly KeyValuePair<string, string?>[] _separate = [new("measurement", "true"), new("marketing", "false")];

    [Benchmark]
    public ConsentQuery JsonObject() => ConsentQuery.ParseValue(_object);

    [Benchmark]
    public ConsentQuery List() => ConsentQuery.ParseValue(_list);

    [Benchmark]
    public ConsentQuery SeparateParameters() => ConsentQuery.Parse(_separate);
}
