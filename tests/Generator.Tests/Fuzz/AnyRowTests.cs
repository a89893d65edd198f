using System.Globalization;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using CsCheck;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>No JSON whatever, in any field of any type, and nothing in any other column, makes generation throw or fail, or touches what is beside it.</summary>
public sealed class AnyRowTests
{
    private const int Iterations = 10_000;

    private static readonly OpenedDestination Healthy = Samples.Row("script", """{"textContent":"healthy"}""", 200, "necessary");

    /// <summary>The inside of a JSON string: any UTF-16 code unit, as the escape that JSON has for it, so that surrogates may stand alone.</summary>
    private static readonly Gen<string> Characters = Gen.Frequency(
        (6, Gen.Char['\u0020', '\u007E'].Select(letter => letter is '"' or '\\' ? $"\\{letter}" : letter.ToString())),
        (2, Gen.Int[0, 0xFFFF].Select(unit => string.Create(CultureInfo.InvariantCulture, $"\\u{unit:X4}"))),
        (1, Gen.Int[0xD7F0, 0xE010].Select(unit => string.Create(CultureInfo.InvariantCulture, $"\\u{unit:X4}")))).Array[0, 12].Select(string.Concat);

    private static readonly Gen<string> Text = Gen.Frequency(
        (6, Characters), (3, Characters.Select(rest => $"https://{rest}")), (2, Gen.Select(Characters, Characters, (host, path) => $"https://{host}.example/{path}")), (1, Characters.Select(rest => $"/{rest}")),
        (1, Gen.Int[0, 5000].Select(length => new string('7', length)))).Select(text => $"\"{text}\"");

    private static readonly Gen<string> Number = Gen.Select(Gen.Long, Gen.Int[-400, 400], Gen.Bool, (digits, exponent, whole) =>
        whole ? digits.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{digits % 1000}.{Math.Abs(digits % 97)}e{exponent}"));

    private static readonly Gen<string> Leaf = Gen.Frequency((6, Text), (2, Number), (1, Hostile.Pick("null", "true", "false")));

    /// <summary>Any JSON, flat or nested as deeply as is read at all.</summary>
    private static readonly Gen<string> Json = Gen.Recursive<string>((depth, nested) => depth > 4
        ? Leaf
        : Gen.Frequency(
            (4, Leaf),
            (1, nested.Array[0, 4].Select(entries => $"[{string.Join(',', entries)}]")),
            (1, Gen.Select(Gen.OneOf(Characters, Hostile.Pick("data-x", "crossorigin", "integrity", "type", "mapping", "options", "marketing", "necessary", "__proto__", "encrypted")), nested).Array[0, 4]
                .Select(members => $"{{{string.Join(',', members.Select(member => $"\"{member.Item1}\":{member.Item2}"))}}}")),
            (1, Gen.Select(Gen.Int[1, SettingsJson.MaxDepth - 10], Leaf, (levels, leaf) => $"{new string('[', levels)}{leaf}{new string(']', levels)}"))));

    private static readonly Gen<OpenedDestination> Row = Gen.Select(
        Hostile.Pick([.. DestinationCatalogue.BuiltIn.Types.SelectMany(type => type.Aliases.Prepend(type.Name)), "", "\u0000", "META-PIXEL", "\uFFFF"]),
        Gen.Select(Gen.Int[0, 40], Json).Array[0, 6],
        Gen.Select(Gen.OneOf(Gen.String, Hostile.Pick("necessary", "marketing", "measurement", "\uD800", null!)).Array[0, 3], Gen.Bool),
        Gen.Select(Gen.String, Gen.OneOf(Gen.String, Hostile.Pick<string>(null!, "production"))),
        Gen.Select(Gen.Bool, Gen.Int[0, 9], Gen.Bool, Gen.Int[0, 3]),
        (type, fields, consent, texts, state) => new OpenedDestination(
            new Destination
            {
                // A few ids only, so that some rows have the same.
                Id = new Guid(1 + state.Item2, 7, 7, [1, 2, 3, 4, 5, 6, 7, 8]),
                Type = type,
                Name = texts.Item1,
                Environment = texts.Item2,
                RequiredConsent = consent.Item2 ? [.. consent.Item1] : default,
                Enabled = state.Item2 > 0,
                TestMode = state.Item1,
                CreatedAt = state.Item4 switch { 0 => DateTimeOffset.MinValue, 1 => DateTimeOffset.MaxValue, 2 => default, _ => new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.FromHours(14)) },
            },
            Settings(type, fields)));

    [Fact]
    public void Generate_AnyRows_NeverThrowsAndLeavesTheOthersBe()
    {
        var accepted = 0;
        Row.Array[1, 4].Sample(rows =>
        {
            var generated = Samples.Generate([.. rows, Healthy]);

            Assert.All(ConsentSet.All, set => Assert.Contains("healthy", System.Text.Encoding.UTF8.GetString(generated[set].Bytes.Span), StringComparison.Ordinal));
            Assert.Empty(generated.ConsentViolations([.. rows, Healthy]));
            Assert.DoesNotContain(generated.Problems, problem => problem.DestinationId == Healthy.Row.Id);
            if (rows.Any(row => row.Row.Enabled && !generated.Problems.Any(problem => problem.LeavesOut && problem.DestinationId == row.Row.Id))) Interlocked.Increment(ref accepted);
        }, iter: Iterations, threads: 2);

        Assert.True(accepted > Iterations / 10, $"In only {accepted} of {Iterations} scopes a row was accepted, so little was attacked but the validation.");
    }

    /// <summary>The least settings of the type, if there is one, with fields of it replaced; the same field may be there twice.</summary>
    private static JsonElement Settings(string type, (int Field, string Value)[] fields)
    {
        if (fields is [(0, var whole)]) return JsonElement.Parse(whole, new JsonDocumentOptions { MaxDepth = SettingsJson.MaxDepth });
        string[] names = DestinationCatalogue.BuiltIn.TryGet(type, out var known) ? [.. known.AllFields.SelectMany(field => field.Keys), "undeclared", "\\uDFFF"] : ["undeclared"];
        var least = known is null ? [] : JsonElement.Parse(known.Examples.Least).EnumerateObject().Select(member => $"\"{member.Name}\":{member.Value.GetRawText()}");
        var members = least.Concat(fields.Select(field => $"\"{names[field.Field % names.Length]}\":{field.Value}"));
        return JsonElement.Parse($"{{{string.Join(',', members)}}}", new JsonDocumentOptions { MaxDepth = SettingsJson.MaxDepth });
    }
}
