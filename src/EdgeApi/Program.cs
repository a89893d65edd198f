using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.EdgeApi.Http;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Settings;

try
{
    if (args is [HealthCommand.Name, ..]) return await HealthCommand.RunAsync(args[1..], Console.Out, Console.Error);
    if (args.Contains("--print-config"))
        return await EdgeApp.PrintSettingsAsync([.. args.Where(argument => argument is not ("--print-config" or "--json"))], Console.Out, json: args.Contains("--json"));
    await using var app = EdgeApp.Build(args, builder => builder.Services.AddHostedService<HeapTrimmer>());
    await app.StartEdgeAsync();
    await app.WaitForShutdownAsync();
    return 0;
}
catch (Exception exception) when (exception is InvalidOptionsException or ListenException)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return exception is InvalidOptionsException ? 2 : 1;
}
