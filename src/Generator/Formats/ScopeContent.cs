using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.IO.Hashing;
using System.Text;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Formats;

/// <summary>A script of a scope, and whom it serves.</summary>
/// <param name="Type">The destination type it comes from; the id of the part for one that several types share.</param>
/// <param name="Destinations">The rows it serves; none for the runtime.</param>
/// <param name="Json">The script as a list has it.</param>
internal readonly record struct ScriptPart(string Type, ImmutableArray<Guid> Destinations, Slice Json);

/// <summary>One distinct answer of a scope: which of its scripts, under which policy.</summary>
/// <param name="Scripts">Indexes into the scope's scripts, in order.</param>
/// <param name="Policy">Index into the scope's policies.</param>
/// <param name="DestinationCount">How many destinations gave at least one of the scripts.</param>
public sealed record ScriptList(ImmutableArray<int> Scripts, int Policy, int DestinationCount)
{
    /// <inheritdoc/>
    public bool Equals(ScriptList? other) =>
        other is not null && Policy == other.Policy && DestinationCount == other.DestinationCount && Scripts.AsSpan().SequenceEqual(other.Scripts.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Policy, DestinationCount, Scripts.Length);
}

/// <summary>
/// What a scope publishes, each part once: its scripts, its policies, and which of them each consent set gets. Every snapshot, list and answer is put together from these
/// parts. It is made by the generator, and by reading a manifest; either way it is one text and slices of it.
/// </summary>
public sealed class ScopeContent
{
    private readonly byte[] _text;
    private readonly ImmutableArray<ScriptPart> _scripts;
    private readonly ImmutableArray<Slice> _policies;
    private readonly Slices _slices;
    private string? _fingerprint;

    /// <summary>The parts that are taken as they are.</summary>
    internal readonly record struct Slices(Slice RequiredCategories, Slice ReloadOnRevocation, Slice Scripts, Slice Policies, Slice Vendors, Slice ClearOnRevocation, Slice Erase);

    internal ScopeContent(
        byte[] text, Slices slices, ImmutableArray<ScriptPart> scripts, ImmutableArray<Slice> policies, ImmutableArray<ScriptList> lists, ImmutableArray<int> combinations,
        ImmutableArray<string> requiredCategories, string loader)
    {
        (_text, _slices, _scripts, _policies) = (text, slices, scripts, policies);
        (Lists, Combinations, RequiredCategories, Loader) = (lists, combinations, requiredCategories, loader);
    }

    /// <summary>The distinct answers.</summary>
    public ImmutableArray<ScriptList> Lists { get; }

    /// <summary>Sixteen entries by the index of the consent set: which of <see cref="Lists"/> it gets.</summary>
    public ImmutableArray<int> Combinations { get; }

    /// <summary>Every category that some destination of the scope asks for, by wire name and in bit order.</summary>
    public ImmutableArray<string> RequiredCategories { get; }

    /// <summary>XxHash128 of the loader that the scope's <c>tags.js</c> begins with.</summary>
    public string Loader { get; }

    /// <summary>How many scripts there are.</summary>
    public int ScriptCount => _scripts.Length;

    /// <summary>
    /// XxHash128 of everything that decides what visitors get: two contents with the same fingerprint give the same snapshots. It is made from the parts alone, so that
    /// nothing has to be put together to see that nothing changed. What it is made of is in <c>docs/formats</c>.
    /// </summary>
    public string Fingerprint => _fingerprint ??= MakeFingerprint();

    /// <summary>The answer of a consent set.</summary>
    public ScriptList this[ConsentSet set] => Lists[Combinations[set.Index]];

    /// <summary>A script as JSON.</summary>
    public ReadOnlySpan<byte> Script(int index) => Text(_scripts[index].Json);

    /// <summary>The destination type of a script; for a part that several types share the id of that part, for the runtime its id.</summary>
    public string TypeOf(int script) => _scripts[script].Type;

    /// <summary>The rows that a script serves; none for the runtime.</summary>
    public ImmutableArray<Guid> DestinationsOf(int script) => _scripts[script].Destinations;

    /// <summary>The snapshot of a list: the blob's content.</summary>
    public byte[] SnapshotBytes(ScriptList list)
    {
        var output = new ArrayBufferWriter<byte>(ScriptsLength(list) + _policies[list.Policy].Length + 128);
        WriteSnapshot(list, output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Writes the snapshot of a list.</summary>
    internal void WriteSnapshot(ScriptList list, IBufferWriter<byte> output)
    {
        output.Write("{\"scripts\":"u8);
        WriteScripts(list, output);
        output.Write(",\"metadata\":{\"schema\":2,\"destinationCount\":"u8);
        output.WriteNumber(list.DestinationCount);
        output.Write(",\"scriptCount\":"u8);
        output.WriteNumber(list.Scripts.Length);
        output.Write(",\"csp\":"u8);
        output.Write(PolicyJson(list.Policy));
        output.Write("}}"u8);
    }

    internal ReadOnlySpan<byte> Text(Slice slice) => _text.AsSpan(slice.Start, slice.Length);

    internal ReadOnlySpan<byte> RequiredCategoriesJson => Text(_slices.RequiredCategories);

    internal ReadOnlySpan<byte> ReloadOnRevocationJson => Text(_slices.ReloadOnRevocation);

    internal ReadOnlySpan<byte> ScriptsJson => Text(_slices.Scripts);

    internal ReadOnlySpan<byte> PoliciesJson => Text(_slices.Policies);

    internal ReadOnlySpan<byte> PolicyJson(int policy) => Text(_policies[policy]);

    internal int PolicyCount => _policies.Length;

    /// <summary>How long the array of a list's scripts is, brackets included.</summary>
    internal int ScriptsLength(ScriptList list)
    {
        var length = 2 + Math.Max(0, list.Scripts.Length - 1);
        foreach (var script in list.Scripts) length += _scripts[script].Json.Length;
        return length;
    }

    /// <summary>Writes the array of a list's scripts.</summary>
    internal void WriteScripts(ScriptList list, IBufferWriter<byte> output)
    {
        output.Write("["u8);
        for (var place = 0; place < list.Scripts.Length; place++)
        {
            if (place > 0) output.Write(","u8);
            output.Write(Script(list.Scripts[place]));
        }
        output.Write("]"u8);
    }

    /// <summary>Writes what a page needs when consent is withdrawn.</summary>
    internal void WriteRevocation(IBufferWriter<byte> output)
    {
        output.Write(",\"vendors\":"u8);
        output.Write(VendorsJson);
        output.Write(",\"clearOnRevocation\":"u8);
        output.Write(ClearOnRevocationJson);
        output.Write(",\"erase\":"u8);
        output.Write(EraseJson);
    }

    private ReadOnlySpan<byte> VendorsJson => Text(_slices.Vendors);

    internal ReadOnlySpan<byte> ClearOnRevocationJson => Text(_slices.ClearOnRevocation);

    internal ReadOnlySpan<byte> EraseJson => Text(_slices.Erase);

    private string MakeFingerprint()
    {
        var hash = new XxHash128();
        Append("{\"requiredCategories\":"u8, RequiredCategoriesJson);
        Append(",\"reloadOnRevocation\":"u8, ReloadOnRevocationJson);
        hash.Append(",\"combinations\":["u8);
        var combination = new StringBuilder();
        for (var set = 0; set < ConsentSet.Count; set++)
        {
            var list = Lists[Combinations[set]];
            combination.Clear().Append(set == 0 ? "[[" : ",[[");
            combination.AppendJoin(',', list.Scripts);
            combination.Append(CultureInfo.InvariantCulture, $"],{list.Policy},{list.DestinationCount}]");
            hash.Append(Encoding.ASCII.GetBytes(combination.ToString()));
        }
        Append("],\"scripts\":"u8, ScriptsJson);
        Append(",\"policies\":"u8, PoliciesJson);
        Append(",\"vendors\":"u8, VendorsJson);
        Append(",\"clearOnRevocation\":"u8, ClearOnRevocationJson);
        Append(",\"erase\":"u8, EraseJson);
        Append(",\"loader\":\""u8, Encoding.ASCII.GetBytes(Loader));
        hash.Append("\"}"u8);
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Append(ReadOnlySpan<byte> name, ReadOnlySpan<byte> json)
        {
            hash.Append(name);
            hash.Append(json);
        }
    }
}
