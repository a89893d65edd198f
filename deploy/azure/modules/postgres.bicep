// A Postgres server that knows no passwords and has no public address. deploy/postgres/roles.sql makes the roles in it.

param name string
param location string
param administrator { objectId: string, name: string, type: ('User' | 'Group' | 'ServicePrincipal') }
param subnetId string
param privateDnsZoneId string
param database string
param tags object

resource server 'Microsoft.DBforPostgreSQL/flexibleServers@2024-08-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' }
  properties: {
    version: '16'
    authConfig: { activeDirectoryAuth: 'Enabled', passwordAuth: 'Disabled', tenantId: tenant().tenantId }
    storage: { storageSizeGB: 64, autoGrow: 'Enabled' }
    backup: { backupRetentionDays: 14, geoRedundantBackup: 'Disabled' }
    highAvailability: { mode: 'ZoneRedundant' }
    network: {
      delegatedSubnetResourceId: subnetId
      privateDnsZoneArmResourceId: privateDnsZoneId
      publicNetworkAccess: 'Disabled'
    }
  }

  resource entra 'administrators' = {
    name: administrator.objectId
    properties: { principalName: administrator.name, principalType: administrator.type, tenantId: tenant().tenantId }
  }

  resource app 'databases' = {
    name: database
    properties: { charset: 'UTF8', collation: 'C.utf8' }
    // The server takes one change at a time.
    dependsOn: [entra]
  }
}

output host string = server.properties.fullyQualifiedDomainName
