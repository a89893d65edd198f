using System.Reflection;
using System.Text.RegularExpressions;
using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.Observability;

/// <summary>docs/events.md has each event of both programs, with what it means and what to do, and nothing else.</summary>
public sealed partial class EventsDocumentTests
{
    private static readonly (string Name, Type Ids, Assembly Program)[] s_programs =
    [
        ("worker", typeof(Worker.Diagnostics.Events), typeof(WorkerApp).Assembly),
        ("edge", typeof(EdgeApi.Diagnostics.Events), typeof(EdgeApp).Assembly),
    ];

    [Fact]
    public void Document_Events_AreThoseOfThePrograms()
    {
        var logged = s_programs.SelectMany(program => Messages(program.Program)).Select(message => (message.Id, message.Name, Level(message.Level))).Distinct().Order().ToList();

        var documented = Rows().Select(row => (row.Id, row.Name, row.Level)).Order();

        Assert.Equal(logged, documented);
    }

    /// <summary>An id that stands as a number in a message is one that the next event could be given again.</summary>
    [Fact]
    public void Events_All_HaveAConstantOfTheirName()
    {
        foreach (var (name, ids, program) in s_programs)
        {
            var constants = ids.GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => ((int)field.GetRawConstantValue()!, field.Name)).Order().ToList();

            Assert.Equal(constants.Count, constants.Select(constant => constant.Item1).Distinct().Count());
            Assert.True(constants.SequenceEqual(Messages(program).Select(message => (message.Id, message.Name)).Distinct().Order()), $"The constants of the {name} are not those of its messages.");
        }
    }

    [Fact]
    public void Document_EveryRow_SaysWhatItMeansAndWhatToDo() => Assert.All(Rows(), row => Assert.True(row.Meaning.Length > 10 && row.Action.Length > 3, $"{row.Id} says too little."));

    /// <summary>Whatever looks like an event elsewhere in the documents is one.</summary>
    [Fact]
    public void OtherDocuments_Events_ExistInTheTable()
    {
        var known = Rows().Select(row => row.Id).ToHashSet();

        foreach (var file in Directory.GetFiles(Path.Combine(RepositoryRoot.Path, "docs"), "*.md").Append(Path.Combine(RepositoryRoot.Path, "README.md")))
            foreach (Match mention in Mention().Matches(File.ReadAllText(file)))
                foreach (var id in Number().Matches(mention.Value).Select(number => int.Parse(number.Value, System.Globalization.CultureInfo.InvariantCulture)))
                    Assert.True(known.Contains(id), $"{Path.GetFileName(file)} names event {id}, which is none.");
    }

    private static IEnumerable<(int Id, string Name, LogLevel Level)> Messages(Assembly program) =>
        program.GetTypes().SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Select(method => (method.Name, Message: method.GetCustomAttribute<LoggerMessageAttribute>())).Where(method => method.Message is not null)
            .Select(method => (method.Message!.EventId, method.Name, method.Message.Level));

    private static List<(int Id, string Name, string Level, string Meaning, string Action)> Rows() =>
    [
        .. Row().Matches(File.ReadAllText(Path.Combine(RepositoryRoot.Path, "docs", "events.md"))).Select(row =>
            (int.Parse(row.Groups["id"].Value, System.Globalization.CultureInfo.InvariantCulture), row.Groups["name"].Value, row.Groups["level"].Value, row.Groups["meaning"].Value, row.Groups["action"].Value)),
    ];

    private static string Level(LogLevel level) => level.ToString().ToLowerInvariant();

    [GeneratedRegex(@"^\| (?<id>[0-9]{4}) \| `(?<name>\w+)` \| (?<level>\w+) \| (?<meaning>.+?) \| (?<action>.+?) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"[Ee]vents? [2-5][0-9]{3}(?:(?:, | and | or |/)[2-5][0-9]{3})*")]
    private static partial Regex Mention();

    [GeneratedRegex("[2-5][0-9]{3}")]
    private static partial Regex Number();
}
