using System.Collections.Immutable;
using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Sources.Files;

/// <summary>The file is not a destinations file; the message lists everything that is wrong, each with its place.</summary>
public sealed class DestinationFileException(string message) : Exception(Redaction.PrintableLines(message));

/// <summary>
/// A destinations file as it stood when it was read: every organization's rows by scope. Settings have <c>${NAME}</c> replaced by the
/// environment variable; a destination whose variable is not set, or may not be used there, is among the <see cref="LeftOut"/>.
/// </summary>
public sealed class DestinationFile
{
    private readonly Dictionary<Scope, IReadOnlyList<Destination>> _rows;

    private readonly Dictionary<Scope, Dictionary<Guid, SettingProblem>> _leftOut;

    private DestinationFile(Dictionary<Scope, IReadOnlyList<Destination>> rows, Dictionary<Scope, Dictionary<Guid, SettingProblem>> leftOut)
    {
        _rows = rows;
        _leftOut = leftOut;
    }

    /// <summary>Destinations of a scope that use an environment variable that they cannot have, and why.</summary>
    public IReadOnlyDictionary<Guid, SettingProblem> LeftOut(Scope scope) => _leftOut.GetValueOrDefault(scope, []);

    /// <summary>The organizations in the file.</summary>
    public IEnumerable<OrganizationId> Organizations => _rows.Keys.Select(scope => scope.Organization).Distinct();

    /// <summary>The rows of a scope; none for one that is not in the file.</summary>
    public IReadOnlyList<Destination> Rows(Scope scope) => _rows.GetValueOrDefault(scope, []);

    /// <summary>Everything that the file says of a scope, as text to compare.</summary>
    public string TextOf(Scope scope)
    {
        var text = new StringBuilder();
        foreach (var row in Rows(scope))
            text.Append(CultureInfo.InvariantCulture, $"{row.Id} {row.Type} {row.Name} {row.Environment} {row.Enabled} {row.Deleted} {row.TestMode} {row.CreatedAt:O} {row.Problem} ")
                .AppendJoin(',', row.RequiredConsent.IsDefault ? [] : row.RequiredConsent).Append(row.Settings.ValueKind == JsonValueKind.Undefined ? "" : row.Settings.GetRawText()).Append('\n');
        foreach (var (id, problem) in LeftOut(scope).OrderBy(entry => entry.Key)) text.Append(CultureInfo.InvariantCulture, $"{id} {problem.Field} {problem.Message}\n");
        return text.ToString();
    }

    /// <summary>Reads a file's text.</summary>
    /// <exception cref="DestinationFileException">It is not one.</exception>
    public static DestinationFile Parse(ReadOnlySpan<byte> text, SettingVariables variables)
    {
        if (text.StartsWith(Encoding.UTF8.Preamble)) text = text[Encoding.UTF8.Preamble.Length..];
        if (!Utf8.IsValid(text)) throw new DestinationFileException("It is not UTF-8: it holds a byte that belongs to no character.");
        JsonElement root;
        try
        {
            // How deeply settings may be nested is a matter of the destination that they are of, and not of the file.
            var reader = new Utf8JsonReader(text, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = int.MaxValue });
            root = JsonElement.ParseValue(ref reader);
            if (reader.Read()) throw new DestinationFileException("There is text after the JSON object.");
        }
        catch (JsonException exception)
        {
            throw new DestinationFileException(
                $"It is not valid JSON at line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}: {exception.Message.Split(" LineNumber", 2)[0]}");
        }
        var parser = new Parser(variables);
        try
        {
            parser.ReadRoot(root);
        }
        catch (InvalidOperationException)
        {
            // System.Text.Json finds a surrogate that stands alone only when a string is read.
            parser.Problems.Add("It holds a string that is not valid Unicode (\\ud800 to \\udfff without its partner).");
        }
        if (parser.Problems.Count > 0) throw new DestinationFileException(string.Join(Environment.NewLine, parser.Problems));
        return new DestinationFile(parser.Rows, parser.LeftOut);
    }

    private sealed class Parser(SettingVariables variables)
    {
        public List<string> Problems { get; } = [];

        public Dictionary<Scope, IReadOnlyList<Destination>> Rows { get; } = [];

        public Dictionary<Scope, Dictionary<Guid, SettingProblem>> LeftOut { get; } = [];

        public void ReadRoot(JsonElement root)
        {
            if (!Expect(root, JsonValueKind.Object, "$")) return;
            Known(root, "$", "organizations", "$schema");
            if (!root.TryGetProperty("organizations", out var organizations))
            {
                Problems.Add("$.organizations is missing: a list of organizations.");
                return;
            }
            if (!Expect(organizations, JsonValueKind.Array, "$.organizations")) return;
            var index = 0;
            foreach (var organization in organizations.EnumerateArray()) ReadOrganization(organization, $"$.organizations[{index++}]");
        }

        private void ReadOrganization(JsonElement organization, string path)
        {
            if (!Expect(organization, JsonValueKind.Object, path)) return;
            Known(organization, path, "id", "environments");
            var text = organization.TryGetProperty("id", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
            if (!OrganizationId.TryParse(text, out var id))
            {
                Problems.Add($"{path}.id is not a safe name. {OrganizationId.Rule}");
                return;
            }
            var duplicate = false;
            foreach (var scope in Scope.Of(id)) duplicate |= !Rows.TryAdd(scope, []);
            if (duplicate)
            {
                Problems.Add($"{path}.id is '{id}' a second time.");
                return;
            }
            if (!organization.TryGetProperty("environments", out var environments)) return;
            if (!Expect(environments, JsonValueKind.Object, $"{path}.environments")) return;
            foreach (var property in environments.EnumerateObject())
            {
                var place = $"{path}.environments.{property.Name}";
                if (DeploymentEnvironments.TryParse(property.Name, out var environment)) ReadEnvironment(property.Value, new Scope(id, environment), place);
                else Problems.Add($"{place} is none of development, staging, production.");
            }
        }

        private void ReadEnvironment(JsonElement environment, Scope scope, string path)
        {
            if (!Expect(environment, JsonValueKind.Object, path)) return;
            Known(environment, path, "destinations");
            if (!environment.TryGetProperty("destinations", out var destinations)) return;
            if (!Expect(destinations, JsonValueKind.Array, $"{path}.destinations")) return;
            var rows = new List<Destination>();
            var index = 0;
            foreach (var destination in destinations.EnumerateArray())
            {
                var place = $"{path}.destinations[{index}]";
                if (ReadDestination(destination, scope, index, place) is { } row)
                {
                    if (rows.Exists(other => other.Id == row.Id)) Problems.Add($"{place}.id is '{row.Id}' a second time in this environment.");
                    rows.Add(row);
                }
                index++;
            }
            Rows[scope] = rows;
        }

        private Destination? ReadDestination(JsonElement destination, Scope scope, int index, string path)
        {
            if (!Expect(destination, JsonValueKind.Object, path)) return null;
            Known(destination, path, "type", "id", "name", "description", "settings", "requiredConsent", "enabled", "testMode");
            var before = Problems.Count;
            var type = Text(destination, "type", path, required: true);
            var name = Text(destination, "name", path, required: false);
            var idText = Text(destination, "id", path, required: false);
            var id = DerivedId(scope, index);
            if (idText is not null && !Guid.TryParse(idText, out id)) Problems.Add($"{path}.id must be a UUID.");
            var settings = JsonElement.Parse("{}");
            string? tooDeep = null;
            if (!destination.TryGetProperty("settings", out var given) || !Expect(given, JsonValueKind.Object, $"{path}.settings"))
            {
                // Left out, or named already.
            }
            else if (SettingsJson.IsDeeper(JsonMarshal.GetRawUtf8Value(given)))
            {
                tooDeep = SettingsJson.TooDeep;
            }
            else
            {
                settings = Expand(type ?? "", given, $"{path}.settings", out var refused);
                if (refused is not null)
                {
                    if (!LeftOut.TryGetValue(scope, out var ofScope)) LeftOut[scope] = ofScope = [];
                    ofScope[id] = refused;
                }
            }
            var row = new Destination
            {
                Id = id,
                Type = type ?? "",
                Name = name ?? "",
                Environment = scope.Environment.Name(),
                Settings = settings,
                RequiredConsent = Consents(destination, path),
                Enabled = Flag(destination, "enabled", path, true),
                TestMode = Flag(destination, "testMode", path, false),
                CreatedAt = DateTimeOffset.UnixEpoch.AddMilliseconds(index), // the file's order is the order
                Problem = tooDeep is null ? null : new DestinationProblem(id, type ?? "", name ?? "", DestinationProblemKind.InvalidSettings, null, tooDeep),
            };
            return Problems.Count == before ? row : null;
        }

        private static Guid DerivedId(Scope scope, int index) =>
            new(XxHash128.Hash(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{scope}/{index}"))));

        private ImmutableArray<string> Consents(JsonElement destination, string path)
        {
            if (!destination.TryGetProperty("requiredConsent", out var list) || list.ValueKind == JsonValueKind.Null) return [];
            if (!Expect(list, JsonValueKind.Array, $"{path}.requiredConsent")) return [];
            if (list.EnumerateArray().All(entry => entry.ValueKind == JsonValueKind.String)) return [.. list.EnumerateArray().Select(entry => entry.GetString()!)];
            Problems.Add($"{path}.requiredConsent must be a list of category names.");
            return [];
        }

        private string? Text(JsonElement parent, string name, string path, bool required)
        {
            if (!parent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            {
                if (required) Problems.Add($"{path}.{name} is missing: a string.");
                return null;
            }
            return Expect(value, JsonValueKind.String, $"{path}.{name}") ? value.GetString() : null;
        }

        private bool Flag(JsonElement parent, string name, string path, bool defaultValue)
        {
            if (!parent.TryGetProperty(name, out var value)) return defaultValue;
            if (value.ValueKind is JsonValueKind.True or JsonValueKind.False) return value.GetBoolean();
            Problems.Add($"{path}.{name} must be true or false.");
            return defaultValue;
        }

        private bool Expect(JsonElement value, JsonValueKind kind, string path)
        {
            if (value.ValueKind == kind) return true;
            Problems.Add($"{path} must be {(kind == JsonValueKind.Array ? "a list" : kind == JsonValueKind.Object ? "an object" : "a string")}.");
            return false;
        }

        private void Known(JsonElement parent, string path, params ReadOnlySpan<string> names)
        {
            foreach (var property in parent.EnumerateObject())
                if (!names.Contains(property.Name)) Problems.Add($"{path}.{property.Name} is not known here; known are {string.Join(", ", names)}.");
        }

        private JsonElement Expand(string type, JsonElement settings, string path, out SettingProblem? refused)
        {
            var problems = new List<SettingProblem>();
            try
            {
                settings = variables.Expand(type, settings, problems);
            }
            catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
            {
                Problems.Add($"{path} has a key twice, or a string that is not valid Unicode.");
            }
            refused = problems.Count == 0 ? null
                : new SettingProblem(problems[0].Field, string.Join(' ', problems.Select(problem => problem.Message).Distinct()));
            return settings;
        }
    }
}
