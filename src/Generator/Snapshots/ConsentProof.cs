using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>
/// Proves, before anything is published, that no consent set carries a script of a destination whose required consent it lacks. It reads the parts of the manifest that would be
/// published and the rows as they stand, and shares no code with the generator's decision: a condition is read from its JSON into a table of sixteen bits, as a consent client
/// evaluates it. Only what a type declares is asked of the type by both: its default category, what its grant scripts stand for, its constant text, and the names that it stores.
/// It also proves that a page which follows the list erases nothing that a destination may have which the visitor permits.
/// </summary>
public static class ConsentProof
{
    private const ushort Everybody = 0xFFFF;
    private const ushort EverythingGranted = 0x8000;

    /// <summary>More of them say nothing more.</summary>
    private const int MostViolations = 50;

    private static readonly FrozenSet<string> s_keys = FrozenSet.Create(
        StringComparer.Ordinal, "id", "category", "vendor", "src", "textContent", "async", "defer", "fetchPriority", "attributes", "target", "persistAfterConsentRevoked", "anonymizeId");

    /// <summary>A row that may have scripts.</summary>
    private sealed record ActiveRow(OpenedDestination Destination, DestinationType Type, ushort Required)
    {
        public string Digits { get; } = Destination.Row.Id.ToString("N");
    }

    /// <summary>What one script of the content says of itself.</summary>
    private sealed record Facts(string Id, ushort Table, string? Vendor, bool HasSource, JsonElement Text, string? Config, bool Persists, bool HasOnlyConfig)
    {
        public bool IsInline => Text.ValueKind == JsonValueKind.String;
    }

    /// <summary>Every violation found, fifty at most; empty means proved.</summary>
    /// <param name="content">The parts of the manifest that would be published.</param>
    /// <param name="destinations">The rows it was made of, with their settings in the clear.</param>
    /// <param name="leftOut">The rows of them that were left out because something is wrong with them.</param>
    /// <param name="catalogue">The types.</param>
    public static ImmutableArray<string> Violations(
        ScopeContent content, IEnumerable<OpenedDestination> destinations, IReadOnlySet<Guid> leftOut, DestinationCatalogue catalogue)
    {
        var proof = new Run(content, ActiveRows(destinations, leftOut, catalogue), catalogue);
        proof.CheckScripts();
        proof.CheckLists();
        proof.CheckErasure();
        return proof.Violations;
    }

    private static Dictionary<Guid, ActiveRow> ActiveRows(IEnumerable<OpenedDestination> destinations, IReadOnlySet<Guid> leftOut, DestinationCatalogue catalogue)
    {
        var rows = new Dictionary<Guid, ActiveRow>();
        var repeated = new HashSet<Guid>();
        foreach (var destination in destinations)
        {
            if (destination is not { Row: { Enabled: true, Deleted: false, Problem: null }, Problem: null }) continue;
            // Two active rows with one id cannot be told apart, so neither may have a script.
            if (leftOut.Contains(destination.Row.Id) || !IsForBrowsers(destination.Settings) || !catalogue.TryGet(destination.Row.Type, out var type)) continue;
            if (!rows.TryAdd(destination.Row.Id, new ActiveRow(destination, type, Required(destination, type)))) repeated.Add(destination.Row.Id);
        }
        foreach (var id in repeated) rows.Remove(id);
        return rows;
    }

    /// <summary>One that is left to the server has no script, and so shares none.</summary>
    private static bool IsForBrowsers(JsonElement settings) =>
        settings.ValueKind != JsonValueKind.Object || !settings.TryGetProperty(DestinationType.EnableClientSide, out var enabled) || enabled.ValueKind != JsonValueKind.False;

    private static ushort Required(OpenedDestination destination, DestinationType type)
    {
        if (destination.Row.RequiredConsent.IsDefaultOrEmpty) return Granted(type.DefaultCategoryFor(destination.Settings).Name());
        var table = Everybody;
        foreach (var category in destination.Row.RequiredConsent) table &= Granted(category);
        return table;
    }

    /// <summary>The consent sets that grant a category, one bit each; none for what is no category.</summary>
    private static ushort Granted(string? category) => category switch
    {
        "necessary" => Everybody,
        "functionality" => 0xAAAA,
        "experience" => 0xCCCC,
        "measurement" => 0xF0F0,
        "marketing" => 0xFF00,
        _ => 0,
    };

    /// <summary>The consent sets for which a client takes a condition to hold; null where it is no condition.</summary>
    private static ushort? TableOf(JsonElement condition)
    {
        if (condition.ValueKind == JsonValueKind.String) return Granted(condition.GetString());
        if (condition.ValueKind != JsonValueKind.Object) return null;
        ushort? table = null;
        foreach (var property in condition.EnumerateObject())
        {
            if (table is not null) return null; // one operator, and nothing beside it
            var isList = property.Value.ValueKind == JsonValueKind.Array;
            if (isList && property.Value.GetArrayLength() == 0) return null;
            switch (property.Name)
            {
                case "and" when isList:
                    table = Everybody;
                    foreach (var part in property.Value.EnumerateArray()) table = (ushort?)(table & TableOf(part));
                    break;
                case "or" when isList:
                    table = 0;
                    foreach (var part in property.Value.EnumerateArray()) table = (ushort?)(table | TableOf(part));
                    break;
                default:
                    return null; // "not" takes scripts away with more consent
            }
            if (table is null) return null;
        }
        return table;
    }

    /// <summary>Whether more consent never takes the script away.</summary>
    private static bool IsMonotone(ushort table)
    {
        for (var set = 0; set < ConsentSet.Count; set++)
            for (var bit = 1; bit < ConsentSet.Count; bit <<= 1)
                if ((table >> set & 1) == 1 && (table >> (set | bit) & 1) == 0) return false;
        return true;
    }

    private sealed class Run(ScopeContent content, Dictionary<Guid, ActiveRow> rows, DestinationCatalogue catalogue)
    {
        private readonly ImmutableArray<string>.Builder _violations = ImmutableArray.CreateBuilder<string>();
        private readonly ushort[] _tables = new ushort[content.ScriptCount];
        private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
        private readonly HashSet<(Guid Row, string Part)> _parts = [];
        private readonly Dictionary<string, Guid> _firstOfType = new(StringComparer.Ordinal);
        private readonly Dictionary<Guid, ushort> _gives = [];
        private readonly Dictionary<(string Shared, string Signal), ushort> _signals = [];
        private ushort _needRuntime;

        public ImmutableArray<string> Violations => _violations.ToImmutable();

        public void CheckScripts()
        {
            foreach (var group in rows.Values.GroupBy(row => row.Type.Name))
                _firstOfType[group.Key] = group.MinBy(row => (row.Destination.Row.CreatedAt, row.Destination.Row.Id))!.Destination.Row.Id;
            Facts? runtime = null;
            for (var index = 0; index < content.ScriptCount; index++)
            {
                var json = content.Script(index);
                using var document = JsonDocument.Parse(json.ToArray(), new JsonDocumentOptions { MaxDepth = 160 });
                if (Read(document.RootElement, index) is not { } facts) continue;
                _tables[index] = facts.Table;
                if (content.TypeOf(index) == PageScripts.RuntimeId)
                {
                    CheckRuntime(facts, index);
                    runtime = facts;
                }
                else if (catalogue.Types.FirstOrDefault(type => type.Bootstrap?.Id == content.TypeOf(index))?.Bootstrap is { } shared)
                {
                    CheckShared(facts, index, shared);
                }
                else
                {
                    CheckOwn(facts, index);
                }
            }
            if (_needRuntime != (runtime?.Table ?? 0)) Add("The runtime does not load exactly where one of the scripts that need it does.");
        }

        /// <summary>The list of a consent set is exactly what a client would keep of all scripts for it, and everything is in the list of all consent.</summary>
        public void CheckLists()
        {
            for (var set = 0; set < ConsentSet.Count; set++)
            {
                var listed = content.Lists[content.Combinations[set]].Scripts;
                var place = 0;
                for (var script = 0; script < _tables.Length; script++)
                {
                    var isListed = place < listed.Length && listed[place] == script;
                    if (isListed) place++;
                    if (isListed != ((_tables[script] >> set & 1) == 1))
                        Add($"Script {script} is {(isListed ? "" : "not ")}in the list of consent set {set}, and its category says otherwise.");
                }
                if (place != listed.Length) Add($"The list of consent set {set} has an entry that is none of the scripts.");
            }
        }

        /// <summary>
        /// Each name stays exactly where some owner of a name that it could mean may have it, and is under a category of the other list exactly where no such owner may have it without.
        /// </summary>
        public void CheckErasure()
        {
            var expected = Expected(DeclaredNames());
            var found = ReadErase();
            foreach (var (name, unless) in found)
            {
                if (!expected.TryGetValue(name, out var stays)) Add($"'{name}' ({name.Store.Name()}) would be erased, and no destination that loads leaves it, or one always may.");
                else if ((stays & ~unless) != 0) Add($"'{name}' ({name.Store.Name()}) would be erased although a destination which the visitor permits owns it.");
                else if (stays != unless) Add($"'{name}' ({name.Store.Name()}) would stay for a visitor who permits none of its owners.");
            }
            foreach (var (name, _) in expected)
                if (!found.ContainsKey(name)) Add($"'{name}' ({name.Store.Name()}) is left by a destination and never erased.");
            CheckClearing(expected);
        }

        private static ushort Table(bool isMet) => isMet ? Everybody : (ushort)0;

        /// <summary>The names that the rows' types declare, by what they mean, with the condition under which one of the rows may have them.</summary>
        private Dictionary<NamePattern, ushort> DeclaredNames()
        {
            var declared = new Dictionary<NamePattern, ushort>();
            foreach (var (id, gives) in _gives)
            {
                var row = rows[id];
                if (row.Type.StoredNames.IsEmpty || DestinationSettings.Read(row.Type.KnownFields, row.Destination.Settings, []) is not { } settings) continue;
                foreach (var name in row.Type.StoredNames)
                {
                    if (name.Under(settings) is not { } pattern) continue;
                    var table = name.KeptBecause is null ? gives & NeedOf(row, name, gives) : Everybody;
                    if (table != 0) declared[pattern] = (ushort)(declared.GetValueOrDefault(pattern) | table);
                }
            }
            return declared;
        }

        /// <summary>The consent sets under which a row's vendor has the grant that it needs before it writes a name.</summary>
        private int NeedOf(ActiveRow row, StoredName name, ushort gives)
        {
            if (row.Type.Grants.FirstOrDefault(grant => grant.Name == (name.Grant ?? GrantDeclaration.Tracking)) is { } declared)
                return declared.Name == GrantDeclaration.Tracking && gives != Everybody ? Everybody : Granted(declared.Category.Name());
            if (name.Grant is null || row.Type.Bootstrap is not { Mapping: { } mapping } shared) return Table(name.Grant is null);
            if (_signals.TryGetValue((shared.Id, name.Grant), out var known)) return known;
            var categories = rows.Values.Where(other => other.Type.Bootstrap?.Id == shared.Id).SelectMany(other => Mapped(other, mapping)).Where(entry => entry.Signal == name.Grant).ToList();
            return _signals[(shared.Id, name.Grant)] = categories.Aggregate(Table(categories.Count > 0), (table, entry) => (ushort)(table & Granted(entry.Category)));
        }

        /// <summary>What has to be erased: each declared name with all owners that it could touch, unless it always stays.</summary>
        private static Dictionary<NamePattern, ushort> Expected(Dictionary<NamePattern, ushort> declared)
        {
            var stays = new Dictionary<NamePattern, ushort>(declared);
            foreach (var (name, owned) in declared)
                for (var length = 1; length <= name.Text.Length; length++)
                {
                    var prefix = new NamePattern(name.Store, name.Text[..length], IsPrefix: true);
                    if (prefix == name || !declared.TryGetValue(prefix, out var others)) continue;
                    stays[prefix] |= owned;
                    stays[name] |= others;
                }
            return stays.Where(entry => entry.Value != Everybody).ToDictionary();
        }

        private Dictionary<NamePattern, ushort> ReadErase()
        {
            var found = new Dictionary<NamePattern, ushort>();
            using var document = JsonDocument.Parse(content.EraseJson.ToArray(), new JsonDocumentOptions { MaxDepth = 160 });
            foreach (var entry in document.RootElement.EnumerateArray())
            {
                var properties = entry.ValueKind == JsonValueKind.Object ? entry.EnumerateObject().ToList() : [];
                if (properties.Count != 2 || NameOf(properties[0].Name, properties[0].Value) is not { } name || properties[1].Name != "unless"
                    || TableOf(properties[1].Value) is not { } unless || !IsMonotone(unless) || !found.TryAdd(name, unless))
                    Add("An entry of what is erased is not a name and a condition under which it stays, or is there twice.");
            }
            return found;
        }

        private static NamePattern? NameOf(string store, JsonElement name)
        {
            BrowserStore? place = store switch
            {
                "cookie" or "cookies" => BrowserStore.Cookie,
                "localStorage" => BrowserStore.LocalStorage,
                "sessionStorage" => BrowserStore.SessionStorage,
                _ => null,
            };
            if (place is null || name.ValueKind != JsonValueKind.String) return null;
            var text = name.GetString()!;
            var isPrefix = text.EndsWith('*');
            return new NamePattern(place.Value, isPrefix ? text[..^1] : text, isPrefix);
        }

        private void CheckClearing(Dictionary<NamePattern, ushort> expected)
        {
            var left = expected.SelectMany(entry => ConsentCategories.Optional.Where(category => (entry.Value & ~Granted(category.Name())) == 0).Select(category => (category.Name(), entry.Key))).ToHashSet();
            using var document = JsonDocument.Parse(content.ClearOnRevocationJson.ToArray(), new JsonDocumentOptions { MaxDepth = 160 });
            foreach (var category in document.RootElement.EnumerateObject())
                foreach (var store in category.Value.ValueKind == JsonValueKind.Object ? category.Value.EnumerateObject() : default)
                    foreach (var element in store.Value.ValueKind == JsonValueKind.Array ? store.Value.EnumerateArray() : default)
                        if (NameOf(store.Name, element) is not { } name || !left.Remove((category.Name, name)))
                            Add($"A name would be cleared without '{category.Name}' that an owner may have without it, or that nothing leaves.");
            if (left.Count > 0) Add("A name that nobody may have without a category is not cleared with it.");
        }

        private void Add(string violation)
        {
            if (_violations.Count < MostViolations) _violations.Add(violation);
        }

        private static bool IsOfPage(string source) =>
            source.StartsWith("https://", StringComparison.Ordinal) || (source.StartsWith('/') && !source.StartsWith("//", StringComparison.Ordinal) && !source.StartsWith("/\\", StringComparison.Ordinal));

        private Facts? Read(JsonElement script, int index)
        {
            if (script.ValueKind != JsonValueKind.Object)
            {
                Add($"Script {index} is no object.");
                return null;
            }
            string? id = null, vendor = null, config = null;
            ushort? table = null;
            var (hasSource, persists, hasOnlyConfig) = (false, false, true);
            JsonElement text = default;
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (var property in script.EnumerateObject())
            {
                if (!s_keys.Contains(property.Name) || !seen.Add(property.Name))
                {
                    Add($"Script {index} has a key that is not known, or is there twice.");
                    return null;
                }
                switch (property.Name)
                {
                    case "id": id = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() : null; break;
                    case "category": table = TableOf(property.Value); break;
                    case "vendor": vendor = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() : ""; break;
                    case "src":
                        hasSource = true;
                        if (property.Value.ValueKind != JsonValueKind.String || !IsOfPage(property.Value.GetString()!)) Add($"Script {index} has a source that is neither an https URL nor a path of the site.");
                        break;
                    case "textContent": text = property.Value; break;
                    case "persistAfterConsentRevoked": persists = property.Value.ValueKind != JsonValueKind.False; break;
                    case "attributes":
                        if (property.Value.ValueKind == JsonValueKind.Object && property.Value.TryGetProperty(InlineScript.ConfigAttribute, out var value))
                            config = value.ValueKind == JsonValueKind.String ? value.GetString() : "";
                        if (property.Value.ValueKind != JsonValueKind.Object) hasOnlyConfig = false;
                        else
                            foreach (var attribute in property.Value.EnumerateObject())
                            {
                                if (attribute.Name != InlineScript.ConfigAttribute) hasOnlyConfig = false;
                                // What these do to an element is what 'src' and 'textContent' are for.
                                if (attribute.Name.StartsWith("on", StringComparison.OrdinalIgnoreCase) || attribute.Name.ToLowerInvariant() is "src" or "srcdoc" or "href")
                                    Add($"Script {index} has an attribute that would run something.");
                            }
                        break;
                }
            }
            if (id is null || table is null || hasSource == (text.ValueKind == JsonValueKind.String))
            {
                Add($"Script {index} lacks an id, a category that a client understands, or has not exactly one of 'src' and 'textContent'.");
                return null;
            }
            if (!_ids.Add(id)) Add($"There are two scripts '{id}'.");
            if (!IsMonotone(table.Value) || (table.Value & EverythingGranted) == 0)
                Add($"Script '{id}' would be taken away by more consent, or is in no list of a visitor who granted everything.");
            // The document ends before the facts do.
            return new Facts(id, table.Value, vendor, hasSource, text.ValueKind == JsonValueKind.String ? text.Clone() : default, config, persists, hasOnlyConfig);
        }

        private void CheckRuntime(Facts facts, int index)
        {
            if (index != 0 || facts.Id != PageScripts.RuntimeId || content.DestinationsOf(index).Length > 0 || facts.Vendor is not null || facts.Config is not null)
                Add("The runtime is not the first script, has another id, or claims to serve a destination.");
            CheckConstant(facts, PageScripts.Runtime);
        }

        private void CheckShared(Facts facts, int index, SharedBootstrap shared)
        {
            ushort served = 0;
            var seen = new HashSet<Guid>();
            foreach (var owner in content.DestinationsOf(index))
            {
                if (!rows.TryGetValue(owner, out var row) || row.Type.Bootstrap?.Id != shared.Id || !seen.Add(owner))
                    Add($"Script '{facts.Id}' claims to serve row {owner}, which has no part in it.");
                else
                    served |= row.Required;
            }
            if (facts.Vendor is not null) Add($"Script '{facts.Id}' is shared, and names a vendor.");
            _needRuntime |= facts.Table;
            if (facts.Id == shared.Id)
            {
                if (facts.Table != served) Add($"Script '{facts.Id}' does not load exactly where one of its destinations may.");
                CheckConstant(facts, shared.PageScript);
                CheckSignals(facts, index, shared);
                CheckKey(facts, key => key == shared.Id);
                return;
            }
            if (shared.Grants.FirstOrDefault(grant => facts.Id == $"{shared.Id}:{grant.Name}") is not { } declared)
            {
                Add($"Script '{facts.Id}' is none that {shared.Id} declares.");
                return;
            }
            CheckGrant(facts, declared, served, key => key == shared.Id);
        }

        /// <summary>
        /// Each signal needs at least every category that the mapping of some destination names for it, and one that no mapping names is granted to nobody. A list without grants is
        /// granted to every visitor.
        /// </summary>
        private void CheckSignals(Facts facts, int index, SharedBootstrap shared)
        {
            if (shared.Mapping is not { } mapping) return;
            using var config = Parse(facts.Config);
            if (config?.RootElement.ValueKind != JsonValueKind.Object || !config.RootElement.TryGetProperty("signals", out var signals) || signals.ValueKind != JsonValueKind.Object)
            {
                Add($"Script '{facts.Id}' does not say what its signals need.");
                return;
            }
            var needed = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
            foreach (var owner in content.DestinationsOf(index))
                if (rows.TryGetValue(owner, out var row))
                    foreach (var (category, signal) in Mapped(row, mapping))
                    {
                        if (!needed.TryGetValue(signal, out var categories)) needed.Add(signal, categories = new HashSet<string>(StringComparer.Ordinal));
                        categories.Add(category);
                    }
            foreach (var signal in mapping.Default.SelectMany(entry => entry.Signals).Concat(signals.EnumerateObject().Select(property => property.Name)).Distinct(StringComparer.Ordinal))
            {
                var isTold = signals.TryGetProperty(signal, out var told);
                if (isTold && told.ValueKind == JsonValueKind.False) continue;
                var grants = isTold && told.ValueKind == JsonValueKind.Array && told.EnumerateArray().All(name => name.ValueKind == JsonValueKind.String)
                    ? told.EnumerateArray().Select(name => name.GetString()!).ToHashSet(StringComparer.Ordinal)
                    : null;
                var isSafe = grants is not null && needed.TryGetValue(signal, out var categories)
                    && categories.All(category => category == ConsentCategory.Necessary.Name() || grants.Contains(category))
                    && grants.All(name => shared.Grants.Any(grant => grant.Name == name && grant.Category.Name() == name));
                if (!isSafe) Add($"Script '{facts.Id}' grants '{signal}' to a visitor who did not grant what its destinations map it to.");
            }
        }

        private static IEnumerable<(string Category, string Signal)> Mapped(ActiveRow row, SignalMapping mapping)
        {
            if (row.Destination.Settings.ValueKind == JsonValueKind.Object && row.Destination.Settings.TryGetProperty(mapping.Setting, out var own) && own.ValueKind == JsonValueKind.Object)
                return own.EnumerateObject().Where(entry => entry.Value.ValueKind == JsonValueKind.Array)
                    .SelectMany(entry => entry.Value.EnumerateArray().Select(signal => (entry.Name, signal.ToString())));
            return mapping.Default.SelectMany(entry => entry.Signals.Select(signal => (entry.Category.Name(), signal)));
        }

        private void CheckOwn(Facts facts, int index)
        {
            var owners = content.DestinationsOf(index);
            var typeName = content.TypeOf(index);
            ushort served = 0;
            foreach (var owner in owners)
            {
                if (!rows.TryGetValue(owner, out var row) || row.Type.Name != typeName)
                {
                    Add($"Script '{facts.Id}' claims to serve row {owner}, which is no active destination of type '{typeName}'.");
                    return;
                }
                served |= row.Required;
            }
            if (owners.IsEmpty || !rows.TryGetValue(owners[0], out var first))
            {
                Add($"Script '{facts.Id}' serves no destination.");
                return;
            }
            if (PartOf(facts.Id, typeName, first) is not { } part)
            {
                Add($"Script '{facts.Id}' has an id that is not one of row {owners[0]}.");
                return;
            }
            foreach (var owner in owners)
                if (!_parts.Add((owner, part))) Add($"Row {owner} has two scripts for the same part as '{facts.Id}'.");
            // A script that several share loads where any of them may; each of them gives it no further than it may itself.
            foreach (var owner in owners) _gives[owner] = (ushort)(_gives.GetValueOrDefault(owner) | (owners.Length == 1 ? facts.Table : facts.Table & rows[owner].Required));
            if (facts.Vendor != first.Type.Vendor) Add($"Script '{facts.Id}' names another vendor than its type.");
            if (owners.Length > 1 && facts.IsInline) Add($"Script '{facts.Id}' is inline, and claims to serve several destinations.");

            if (first.Type.Grants.FirstOrDefault(grant => grant.Name == part) is { } declared)
            {
                _needRuntime |= facts.Table;
                if (declared.Name == GrantDeclaration.Tracking && first.Required != Everybody) Add($"Script '{facts.Id}' stands for a grant that its destination does not wait for.");
                CheckGrant(facts, declared, served, key => IsKeyOf(key, typeName, first));
                return;
            }
            if (part.Length > 0 && !int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _)) Add($"Script '{facts.Id}' is none that its type declares.");
            if ((facts.Table & ~served) != 0) Add($"Script '{facts.Id}' loads for a visitor who lacks the consent that its destination requires.");
            // The library of a vendor that is told about consent is no entry: it would load whether the vendor was told or not.
            if (first.Type.PageScript is not { } text || (facts.HasSource && part.Length > 0 && IsToldNothing(first.Type))) return;
            _needRuntime |= facts.Table;
            CheckConstant(facts, text);
            CheckKey(facts, key => IsKeyOf(key, typeName, first));
            CheckAsks(facts, first);
        }

        /// <summary>Whether nothing that a visitor grants or withdraws reaches the vendor of a type while the page lives.</summary>
        private static bool IsToldNothing(DestinationType type) => type.Grants.IsEmpty && type.Bootstrap is null && type.AfterWithdrawal == WithdrawalEffect.GoesOn;

        /// <summary>A destination that always loads asks for the grant before it follows a visitor; without this word its script takes the grant for given.</summary>
        private void CheckAsks(Facts facts, ActiveRow row)
        {
            if (row.Required != Everybody || row.Type.Grants.FirstOrDefault(grant => grant.Name == GrantDeclaration.Tracking) is not { } tracking) return;
            if ((facts.Table & ~Granted(tracking.Category.Name())) == 0) return; // a setting makes it wait for the category itself
            using var config = Parse(facts.Config);
            if (config?.RootElement.ValueKind != JsonValueKind.Object || !config.RootElement.TryGetProperty("asks", out var asks) || asks.ValueKind != JsonValueKind.True)
                Add($"Script '{facts.Id}' does not wait for the grant that its destination needs.");
        }

        private void CheckKey(Facts facts, Func<string, bool> isKey)
        {
            using var config = Parse(facts.Config);
            if (config?.RootElement.ValueKind != JsonValueKind.Object || !config.RootElement.TryGetProperty("key", out var key) || key.ValueKind != JsonValueKind.String || !isKey(key.GetString()!))
                Add($"Script '{facts.Id}' is configured for another destination than it serves.");
        }

        private void CheckGrant(Facts facts, GrantDeclaration declared, ushort served, Func<string, bool> isKey)
        {
            if ((facts.Table & ~(served & Granted(declared.Category.Name()))) != 0)
                Add($"Script '{facts.Id}' stands for the grant of {declared.Category.Name()}, and loads for a visitor who did not grant it.");
            CheckConstant(facts, PageScripts.Grant);
            using var config = Parse(facts.Config);
            var isRight = config?.RootElement is { ValueKind: JsonValueKind.Array } pair && pair.GetArrayLength() == 2
                && pair[0].ValueKind == JsonValueKind.String && isKey(pair[0].GetString()!) && pair[1].ValueKind == JsonValueKind.String && pair[1].ValueEquals(declared.Name);
            if (!isRight) Add($"Script '{facts.Id}' is configured for another grant.");
        }

        private void CheckConstant(Facts facts, InlineScript expected)
        {
            if (!facts.IsInline || !facts.Text.ValueEquals(expected.Text)) Add($"Script '{facts.Id}' does not have the constant text of its type.");
            if (!facts.HasOnlyConfig) Add($"Script '{facts.Id}' has attributes beside its configuration.");
            if (facts.Persists) Add($"Script '{facts.Id}' would not be removed by a client when consent is withdrawn.");
        }

        /// <summary>
        /// What follows the destination's own part of an id: nothing for its first script. Null where the id is not one of the row: the type alone belongs to the first
        /// destination of the type, and a further one adds at least 8 digits of its id.
        /// </summary>
        private string? PartOf(string id, string type, ActiveRow row)
        {
            if (id == type) return _firstOfType[type] == row.Destination.Row.Id ? "" : null;
            if (!id.StartsWith($"{type}:", StringComparison.Ordinal)) return null;
            var rest = id[(type.Length + 1)..];
            var colon = rest.IndexOf(':', StringComparison.Ordinal);
            var head = colon < 0 ? rest : rest[..colon];
            if (head.Length >= 8 && row.Digits.StartsWith(head, StringComparison.Ordinal)) return colon < 0 ? "" : rest[(colon + 1)..];
            return _firstOfType[type] == row.Destination.Row.Id ? rest : null;
        }

        private static bool IsKeyOf(string key, string type, ActiveRow row) =>
            key.Length >= type.Length + 9 && key.StartsWith($"{type}:", StringComparison.Ordinal) && row.Digits.StartsWith(key[(type.Length + 1)..], StringComparison.Ordinal);

        private static JsonDocument? Parse(string? config)
        {
            try
            {
                return config is null ? null : JsonDocument.Parse(config, new JsonDocumentOptions { MaxDepth = 160 });
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }
}
