using System.Text.Encodings.Web;
using System.Text.Json;
using ConsentSnapshots.Plots;

// Draws the tables of results in a Markdown file, and writes every row of every table as a line of JSON beside them:
//   Plots RESULTS.md FOLDER [PREFIX]
if (args.Length is not (2 or 3))
{
    Console.Error.WriteLine("usage: Plots RESULTS.md FOLDER [PREFIX OF THE FILES' NAMES]");
    return 2;
}
var (file, folder) = (args[0], args[1]);
if (!File.Exists(file))
{
    Console.Error.WriteLine($"There is no file {file}: give a Markdown file with the tables that a benchmark prints.");
    return 1;
}
var prefix = args.Length > 2 ? args[2] : "";
var markdown = File.ReadAllText(file);
Directory.CreateDirectory(folder);
var drawn = ResultPlot.DrawAll(markdown);
foreach (var (name, svg) in drawn)
{
    var path = Path.Combine(folder, prefix + name);
    File.WriteAllText(path, svg);
    Console.Error.WriteLine(path);
}
if (args.Length == 2)
{
    var readable = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    var path = Path.Combine(folder, Path.ChangeExtension(Path.GetFileName(file), ".jsonl"));
    File.WriteAllLines(path, ResultTable.ReadAll(markdown).SelectMany(table => table.Rows.Select(row =>
        JsonSerializer.Serialize(table.Columns.Zip(row).Where(cell => cell.First.Length > 0).DistinctBy(cell => cell.First).ToDictionary(cell => cell.First, cell => cell.Second), readable))));
    Console.Error.WriteLine(path);
}
if (drawn.Count == 0) Console.Error.WriteLine($"No table of {file} is one that is drawn.");
return 0;
