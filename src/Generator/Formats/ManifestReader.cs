using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Formats;

/// <summary>
/// Reads a manifest without building a document: what has to be understood is read, and the parts are remembered as slices of the bytes. Unknown properties are passed over, so that a
/// later build may add some.
/// </summary>
internal static class ManifestReader
{
    private static readonly JsonReaderOptions s_strict = new() { MaxDepth = 160 };

    public readonly record struct Result(
        ManifestEnvelope Envelope, ScopeContent Content, ImmutableArray<Combination> Combinations, FrozenDictionary<string, SnapshotEntry> Snapshots);

    /// <exception cref="ManifestException">The bytes are not a manifest.</exception>
    public static Result Read(byte[] bytes)
    {
        try
        {
            return ReadAll(bytes);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException and not ManifestException)
        {
            throw new ManifestException($"Not a manifest: {exception.Message}", exception);
        }
    }

    /// <exception cref="ManifestException">They are not a manifest's beginning.</exception>
    public static ManifestHead ReadHead(ReadOnlySpan<byte> firstBytes)
    {
        try
        {
            var reader = new Utf8JsonReader(firstBytes, isFinalBlock: false, new JsonReaderState(s_strict));
            var envelope = ReadEnvelope(ref reader);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isIt = reader.ValueTextEquals("combinations"u8);
                if (!reader.Read()) break;
                if (isIt) return new ManifestHead(envelope, [.. ReadCombinations(ref reader).Select(combination => combination.Snapshot).Distinct(StringComparer.Ordinal)]);
                if (!reader.TrySkip()) break;
            }
            throw new ManifestException("Not a manifest: its combinations do not follow its envelope.");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException and not ManifestException)
        {
            throw new ManifestException($"Not a manifest: {exception.Message}", exception);
        }
    }

    private static Result ReadAll(byte[] bytes)
    {
        var reader = new Utf8JsonReader(bytes, s_strict);
        var envelope = ReadEnvelope(ref reader);
        ScopeContent.Slices slices = default;
        ImmutableArray<Combination> combinations = default;
        ImmutableArray<ScriptPart> scripts = default;
        ImmutableArray<Slice> policies = default;
        ImmutableArray<string> required = default;
        FrozenDictionary<string, SnapshotEntry>? snapshots = null;
        string? loader = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            switch (name)
            {
                case "requiredCategories":
                    var start = (int)reader.TokenStartIndex;
                    required = ReadArray(ref reader, name, JsonTokenType.String, static (ref element) => element.GetString()!);
                    slices = slices with { RequiredCategories = To(start, ref reader) };
                    break;
                case "reloadOnRevocation":
                    slices = slices with { ReloadOnRevocation = Skip(ref reader, JsonTokenType.StartArray, name) };
                    break;
                case "combinations":
                    combinations = ReadCombinations(ref reader);
                    break;
                case "snapshots":
                    snapshots = ReadSnapshots(ref reader);
                    break;
                case "scripts":
                    start = (int)reader.TokenStartIndex;
                    scripts = ReadScripts(ref reader);
                    slices = slices with { Scripts = To(start, ref reader) };
                    break;
                case "policies":
                    start = (int)reader.TokenStartIndex;
                    policies = ReadPolicies(ref reader);
                    slices = slices with { Policies = To(start, ref reader) };
                    break;
                case "vendors":
                    slices = slices with { Vendors = Skip(ref reader, JsonTokenType.StartArray, name) };
                    break;
                case "clearOnRevocation":
                    slices = slices with { ClearOnRevocation = Skip(ref reader, JsonTokenType.StartObject, name) };
                    break;
                case "erase":
                    slices = slices with { Erase = Skip(ref reader, JsonTokenType.StartArray, name) };
                    break;
                case "loader":
                    loader = reader.GetString();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
        if (reader.Read()) throw new ManifestException("Not a manifest: something follows its end.");
        foreach (var (missing, part) in (ReadOnlySpan<(bool, string)>)
            [
                (required.IsDefault, "requiredCategories"), (slices.ReloadOnRevocation.Length == 0, "reloadOnRevocation"), (combinations.IsDefault, "combinations"),
                (snapshots is null, "snapshots"), (scripts.IsDefault, "scripts"), (policies.IsDefault, "policies"), (slices.Vendors.Length == 0, "vendors"),
                (slices.ClearOnRevocation.Length == 0, "clearOnRevocation"), (slices.Erase.Length == 0, "erase"), (loader is null, "loader"),
            ])
            if (missing) throw new ManifestException($"The manifest has no '{part}'.");

        var (lists, sets) = Join(combinations, snapshots!, scripts.Length, policies.Length);
        var content = new ScopeContent(bytes, slices, scripts, policies, lists, sets, required, loader!);
        return new Result(envelope, content, combinations, snapshots!);
    }

    private static ManifestEnvelope ReadEnvelope(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new ManifestException("Not a manifest: it is no JSON object.");
        var (schema, version) = (0, 0);
        string? organization = null, environment = null, generatedAt = null, publication = null, previous = null, generator = null;
        long epoch = 0, revision = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            if (!reader.Read()) break;
            switch (name)
            {
                case "schema":
                    schema = reader.GetInt32();
                    // Whatever follows is that schema's.
                    if (schema != Manifest.Schema) throw new ManifestSchemaException(schema);
                    break;
                case "organization": organization = reader.GetString(); break;
                case "environment": environment = reader.GetString(); break;
                case "version": version = reader.GetInt32(); break;
                case "generatedAt": generatedAt = reader.GetString(); break;
                case "publicationId": publication = reader.GetString(); break;
                case "previous": previous = reader.GetString(); break;
                case "generator": generator = reader.GetString(); break;
                case "sourceEpoch": epoch = reader.GetInt64(); break;
                case "sourceRevision": revision = reader.GetInt64(); break;
                case "fingerprint":
                    return schema == 0 ? throw new ManifestException("Not a manifest: it has no 'schema'.")
                        : !Scope.TryParse(organization, environment, out var scope) ? throw new ManifestException("The manifest's scope is not valid.")
                        : version < 1 ? throw new ManifestException($"Manifest version {version} is not positive.")
                        : version > PublishedVersions.Highest ? throw new ManifestException($"Manifest version {version} is higher than any can be.")
                        : !WireTime.TryParse(generatedAt, out var at) ? throw new ManifestException("The manifest's 'generatedAt' is not a time.")
                        : !Guid.TryParseExact(publication, "D", out var id) ? throw new ManifestException("The manifest's 'publicationId' is not a uuid.")
                        : generator is null ? throw new ManifestException("The manifest has no 'generator'.")
                        : epoch < 1 || revision < 0 ? throw new ManifestException("The manifest's source epoch or revision is not valid.")
                        : new ManifestEnvelope
                        {
                            Scope = scope,
                            Version = version,
                            GeneratedAt = at,
                            PublicationId = id,
                            Previous = previous,
                            Generator = generator,
                            SourceEpoch = epoch,
                            SourceRevision = revision,
                            Fingerprint = reader.GetString() ?? throw new ManifestException("The manifest's 'fingerprint' is null."),
                        };
                default:
                    if (!reader.TrySkip()) throw new ManifestException("Not a manifest: its envelope does not end.");
                    break;
            }
        }
        throw new ManifestException("Not a manifest: its envelope is not whole.");
    }

    /// <summary>The distinct lists, and which of them each consent set gets; every index is of a part that exists.</summary>
    private static (ImmutableArray<ScriptList> Lists, ImmutableArray<int> Sets) Join(
        ImmutableArray<Combination> combinations, FrozenDictionary<string, SnapshotEntry> snapshots, int scriptCount, int policyCount)
    {
        if (combinations.Length != ConsentSet.Count) throw new ManifestException($"The manifest does not have {ConsentSet.Count} combinations.");
        foreach (var (hash, entry) in snapshots)
        {
            if (!SnapshotHash.TryParse(hash, out _)) throw new ManifestException("The manifest names a snapshot by what is no hash.");
            if (entry.List.Policy < 0 || entry.List.Policy >= policyCount) throw new ManifestException($"Snapshot {hash} has policy {entry.List.Policy}, and there are {policyCount}.");
            var last = -1;
            foreach (var script in entry.List.Scripts)
            {
                if (script <= last || script >= scriptCount) throw new ManifestException($"Snapshot {hash} has script {script}, which is out of order or is none of the {scriptCount}.");
                last = script;
            }
        }
        var lists = ImmutableArray.CreateBuilder<ScriptList>();
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        var sets = ImmutableArray.CreateBuilder<int>(ConsentSet.Count);
        foreach (var (snapshot, _) in combinations)
        {
            if (!snapshots.TryGetValue(snapshot, out var entry)) throw new ManifestException("The manifest has a combination whose snapshot it does not list.");
            if (!places.TryGetValue(snapshot, out var place))
            {
                places.Add(snapshot, place = lists.Count);
                lists.Add(entry.List);
            }
            sets.Add(place);
        }
        if (places.Count != snapshots.Count) throw new ManifestException("The manifest lists a snapshot that no combination has.");
        return (lists.ToImmutable(), sets.MoveToImmutable());
    }

    private static ImmutableArray<Combination> ReadCombinations(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartArray, "combinations");
        var combinations = ImmutableArray.CreateBuilder<Combination>(ConsentSet.Count);
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            string? snapshot = null, at = null;
            var version = 0;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("snapshot"u8))
                {
                    reader.Read();
                    snapshot = reader.GetString();
                }
                else if (reader.ValueTextEquals("since"u8))
                {
                    reader.Read();
                    Expect(ref reader, JsonTokenType.StartObject, "since");
                    while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                    {
                        var isVersion = reader.ValueTextEquals("version"u8);
                        var isTime = reader.ValueTextEquals("at"u8);
                        reader.Read();
                        if (isVersion) version = reader.GetInt32();
                        else if (isTime) at = reader.GetString();
                        else reader.Skip();
                    }
                }
                else
                {
                    reader.Read();
                    reader.Skip();
                }
            }
            if (snapshot is null || version < 1 || !WireTime.TryParse(at, out var time)) throw new ManifestException("The manifest has a combination that is not whole.");
            combinations.Add(new Combination(snapshot, new CombinationSince(version, time)));
        }
        return combinations.ToImmutable();
    }

    private static FrozenDictionary<string, SnapshotEntry> ReadSnapshots(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, "snapshots");
        var snapshots = new Dictionary<string, SnapshotEntry>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var hash = reader.GetString()!;
            reader.Read();
            Expect(ref reader, JsonTokenType.StartObject, "snapshot");
            ImmutableArray<int> scripts = default;
            var (policy, bytes, destinations) = (-1, -1, -1);
            string? sha256 = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString();
                reader.Read();
                switch (name)
                {
                    case "scripts": scripts = ReadArray(ref reader, name, JsonTokenType.Number, static (ref element) => element.GetInt32()); break;
                    case "policy": policy = reader.GetInt32(); break;
                    case "bytes": bytes = reader.GetInt32(); break;
                    case "sha256": sha256 = reader.GetString(); break;
                    case "destinationCount": destinations = reader.GetInt32(); break;
                    default: reader.Skip(); break;
                }
            }
            if (scripts.IsDefault || policy < 0 || bytes < 0 || destinations < 0 || sha256 is not { Length: 64 })
                throw new ManifestException($"The manifest's entry for snapshot {hash} is not whole.");
            if (!snapshots.TryAdd(hash, new SnapshotEntry(new ScriptList(scripts, policy, destinations), bytes, sha256)))
                throw new ManifestException($"The manifest lists snapshot {hash} twice.");
        }
        return snapshots.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static ImmutableArray<ScriptPart> ReadScripts(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartArray, "scripts");
        var scripts = ImmutableArray.CreateBuilder<ScriptPart>();
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            string? type = null;
            ImmutableArray<Guid> destinations = default;
            Slice json = default;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString();
                reader.Read();
                switch (name)
                {
                    case "destinations": destinations = ReadArray(ref reader, name, JsonTokenType.String, static (ref element) => element.GetGuid()); break;
                    case "type": type = reader.GetString(); break;
                    case "script": json = Skip(ref reader, JsonTokenType.StartObject, name); break;
                    default: reader.Skip(); break;
                }
            }
            if (type is null || destinations.IsDefault || json.Length == 0) throw new ManifestException($"Script {scripts.Count} of the manifest is not whole.");
            scripts.Add(new ScriptPart(type, destinations, json));
        }
        return scripts.ToImmutable();
    }

    private static ImmutableArray<Slice> ReadPolicies(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartArray, "policies");
        var policies = ImmutableArray.CreateBuilder<Slice>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) policies.Add(Skip(ref reader, JsonTokenType.StartObject, "policies"));
        return policies.ToImmutable();
    }

    private delegate T ElementReader<T>(ref Utf8JsonReader reader);

    private static ImmutableArray<T> ReadArray<T>(ref Utf8JsonReader reader, string what, JsonTokenType element, ElementReader<T> read)
    {
        Expect(ref reader, JsonTokenType.StartArray, what);
        var elements = ImmutableArray.CreateBuilder<T>();
        while (reader.Read() && reader.TokenType == element) elements.Add(read(ref reader));
        Expect(ref reader, JsonTokenType.EndArray, what);
        return elements.ToImmutable();
    }

    private static Slice Skip(ref Utf8JsonReader reader, JsonTokenType expected, string what)
    {
        Expect(ref reader, expected, what);
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return To(start, ref reader);
    }

    private static Slice To(int start, ref Utf8JsonReader reader) => new(start, (int)reader.BytesConsumed - start);

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType expected, string what)
    {
        if (reader.TokenType != expected) throw new ManifestException($"The manifest's '{what}' is not what it should be.");
    }
}
